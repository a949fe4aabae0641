"""Corrections of recorded facts: new events, never edits, with the reason and the version they correct."""
