"""Proves the record from what is stored, in code that shares nothing with what writes it."""
