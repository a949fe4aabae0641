"""What all parts of a journey speak of: people, the patient, a plan, times, refusals and what is signed."""
