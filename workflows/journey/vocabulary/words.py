"""Coded words as people read them, in the core's own sentences and wherever nothing better is known of a code."""

import re
from collections.abc import Iterable
from enum import Enum


def in_words(code: str) -> str:
    """Return a coded word as plain words: ``session_monitor`` is "session monitor"."""
    words = str(code.value if isinstance(code, Enum) else code).replace("_", " ")
    return words.replace("on call clinician", "on-call clinician")


def name_of(thing: str) -> str:
    """Return the id of a thing as people say it: ``adverse-event-2`` is "adverse event 2"."""
    return thing.replace("-", " ")


def find_word(text: str, words: Iterable[str]) -> str | None:
    """Return the first of these words that a text has, or has a word that begins with: "cure" and "cured", but not
    "secure". A word that ends with an e is found in its form with -ing, too: "curing"."""
    return next((word for word in words if re.search(rf"\b{_forms(word)}", text, re.IGNORECASE)), None)


_DENIED_BEFORE = re.compile(
    r"(?:\bnot|n't|n’t|\bnever|\brather than|\binstead of)"
    r"(?:\s+(?:for|of|out of|because of|a matter of|a question of|reasons? of|the))*\s+$",
    re.IGNORECASE,
)
_DENIED_AFTER = re.compile(
    r"\w*(?:\s+alone)?\s+(?:(?:is|was|are|were|plays|played|has|had)\s+(?:no|not)|(?:did|does)\s+not|never)\b"
    r"(?!\s+(?:the\s+)?(?:only|sole|just|merely|simply)\b)",
    re.IGNORECASE,
)


def find_reason(text: str, words: Iterable[str]) -> str | None:
    """Return the first of these words that a text gives as a reason: that it has, as in `find_word`, and does not deny
    right before or after it. "Not for convenience" and "convenience is no reason" deny it; "not far, and convenient"
    and "not only for convenience" do not."""
    for word in words:
        for found in re.finditer(rf"\b{_forms(word)}", text, re.IGNORECASE):
            denied = _DENIED_BEFORE.search(text, 0, found.start()) or _DENIED_AFTER.match(text, found.end())
            if not denied:
                return word
    return None


def _forms(word: str) -> str:
    return rf"(?:{re.escape(word)}|{re.escape(word[:-1])}ing)" if word.endswith("e") else re.escape(word)
