"""The patient beyond this journey: what their other journeys say, and which ids are theirs."""
