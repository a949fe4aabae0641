"""The stages of a pathway, one folder each.

``model`` has a stage's commands, events, part of the state and what its events change there; ``rules`` has how its
commands are decided, what follows from events, what it needs and when the next stage begins. Where a ``model`` would be
long, it is four modules: ``commands``, ``events``, ``state`` and ``evolve``.
"""
