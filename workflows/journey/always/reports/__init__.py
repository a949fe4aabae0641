"""Holds: care stops, and goes on only by a signed decision."""
