"""What people write: one spelling, and nothing in it that hides.

A text is kept in Unicode's composed form (NFC), with plain line ends, so that what was signed is what is stored and two
spellings of one word are one. It has something to see: a letter, a digit, a mark or a picture. Refused is what a reader
would not see, or would see somewhere else than it stands:

- control characters, but for line ends and tabs in long texts; separators of lines and paragraphs (U+2028, U+2029);
- what turns the direction of writing for a stretch (U+202A to U+202E, U+2066 to U+2069);
- what has no width or no shape: fillers, tags, selectors of a variation that stand at nothing.

Allowed is what a script needs: a joiner, a non-joiner or a break without width right after a character that is
not Latin (Persian, Hindi, Khmer, pictures of several parts), the marks of direction (U+200E, U+200F, U+061C) in a text
that has letters written from right to left, a selector right after what it selects of, and the tags of a flag. Coded
words (`base.Identifier`) are ASCII, so none of this arises in them. Sources: Unicode Standard Annex 15 (normal forms),
Technical Reports 36 and 39 (security), RFC 5892 appendix A (joiners in context).
"""

import re
from unicodedata import bidirectional, category, normalize

_BLANK = "\u00ad\u034f\u115f\u1160\u17b4\u17b5\u2065\u2800\u3164\uffa0\ufffc\U0001d159\U00016fe4"
"""What has no shape of its own, although Unicode counts some of it among letters and symbols."""
_SELECTORS = "\u180b-\u180d\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef"
_MARKS = "\u200e\u200f\u061c"
_JOINERS = "\u180e\u200b-\u200d"
_VISIBLE_FORMATS = "\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd"
"""Signs of Arabic, Syriac and Kaithi that Unicode counts as formats, and that are seen."""
_FLAG = re.compile("\U0001f3f4[\U000e0020-\U000e007e]+\U000e007f")
_JOINED = re.compile(f"(?<=[^\x00-\u02ff\u2000-\u206f])[{_JOINERS}]")
_SELECTED = re.compile(f"(?<=[^\\s\x00-\x1f\u2000-\u200f{_BLANK}{_SELECTORS}])[{_SELECTORS}]")
_NO_CHARACTER = re.compile(f"[{_BLANK}{_SELECTORS}\ufff0-\ufffb\U000e0000-\U000e0fff]")
_LINE_END = re.compile("\r\n?")


def clean_text(text: str, *, lines: bool = True) -> str:
    """Return a text as it is kept; with ``lines`` it may have several, and tabs.

    Raises:
        ValueError: it has nothing to see, or something in it hides. What it says is not repeated.
    """
    if text.isascii() and text.isprintable() and text.strip():
        return text
    text = normalize("NFC", _LINE_END.sub("\n", text)).strip()
    plain = _SELECTED.sub("", _JOINED.sub("", _FLAG.sub("\U0001f3f4", text)))
    for letter in plain:
        if letter in "\n\t" and lines:
            continue
        if _hides(letter) and not (letter in _MARKS and _right_to_left(text)):
            raise ValueError(f"must hold nothing that cannot be seen: it has U+{ord(letter):04X}")
    if not any(category(letter)[0] in "LNPS" for letter in plain):
        raise ValueError("must hold something that can be seen")
    return text


def _hides(letter: str) -> bool:
    kind = category(letter)
    if kind == "Cf":
        return not re.match(f"[{_VISIBLE_FORMATS}]", letter)
    return kind in ("Cc", "Cs", "Zl", "Zp") or _NO_CHARACTER.match(letter) is not None


def _right_to_left(text: str) -> bool:
    return any(bidirectional(letter) in ("R", "AL") for letter in text if letter not in _MARKS)
