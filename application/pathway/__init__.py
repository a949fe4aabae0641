"""A patient's journey: start it, send it commands, look at it and at its past."""
