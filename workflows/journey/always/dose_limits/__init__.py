"""A patient's own dose limits: tighter at once, wider only by a signed override."""
