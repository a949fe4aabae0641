"""Signing: who may decide, on what, with what effect. Nothing here or anywhere else decides in their place."""
