"""Psychotherapy beside the sessions, recorded by who gives it."""
