"""What people are shown and told of a journey: in words, for the patient, as messages, and why."""
