"""A death: reported by anyone, confirmed by a second, clinical person, and corrected where it was wrong."""
