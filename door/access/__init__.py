"""Who may look, who looked, and what they saw."""
