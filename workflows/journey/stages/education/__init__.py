"""Education and planning: a personal plan, what the patient must have heard, and what they agree to."""
