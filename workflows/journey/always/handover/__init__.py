"""Handing over what is still watched when a pathway ends: to a named receiver, by a signed decision."""
