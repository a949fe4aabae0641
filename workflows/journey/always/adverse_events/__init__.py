"""Adverse events: reported or found, graded, reviewed, followed up until they are resolved."""
