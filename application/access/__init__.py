"""Who looked at what, emergency access, and what was seen."""
