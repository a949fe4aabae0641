"""Coded words as people read them, in the core's own sentences and wherever nothing better is known of a code."""

from enum import Enum


def in_words(code: str) -> str:
    """Return a coded word as plain words: ``on_call_clinician`` is "on call clinician"."""
    return str(code.value if isinstance(code, Enum) else code).replace("_", " ")


def name_of(thing: str) -> str:
    """Return the id of a thing as people say it: ``adverse-event-2`` is "adverse event 2"."""
    return thing.replace("-", " ")
