"""What goes on in every stage: safety, holds, access, corrections, sign-offs, the pathway itself and the clock.

One folder each, with the same two modules as a stage: ``model`` and ``rules``.
"""
