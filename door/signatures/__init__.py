"""Signing, what is signed, the keys, and who may sign."""
