"""The medicines a patient takes: a list with its changes, and a clinician's review of them."""
