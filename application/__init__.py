"""Use cases: what every way in calls. Who may, what is kept of the look, errors with types of their own."""
