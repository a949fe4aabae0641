"""Observations of the patient outside the course of a session: at any time, by whoever saw them."""
