"""Sentences of longer texts."""


def first_sentence(text: str) -> str:
    """Return the first sentence of a longer text, in one line."""
    whole = " ".join(text.split("\n\n")[0].split())
    return whole.partition(". ")[0].removesuffix(".") + "."
