"""Signing: who may decide, on what, with what effect. Only people decide."""
