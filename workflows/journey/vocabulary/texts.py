"""What people write: one spelling, and nothing in it that hides.

A text is kept in Unicode's composed form (NFC), with plain line ends, so that what was signed is what is stored and two
spellings of one word are one. It has something to see: a letter, a digit, a mark or a picture. It holds nothing that a
reader would not see, or would see somewhere else than it stands:

- control characters, but for line ends and tabs in long texts; other separators of lines become line ends;
- what turns the direction of writing for a stretch (U+202A to U+202E, U+2066 to U+2069);
- what has no width or no shape: fillers, tags, selectors of a variation that stand at nothing;
- what Unicode says will never be a character (U+FDD0 to U+FDEF, and the last two of each plane), and halves of one.

A long text is taken without them: nobody's call for help is refused because of what came along when it was pasted. A
few words in one line (names, numbers of licences, titles) are refused, because they tell people and things apart; with
a character for private use too, which has another shape on each machine, or none. A long text keeps those: lists pasted
from a word processor have such bullets. What is no character yet is kept: a later Unicode may write a name with it, and
what is taken must not depend on the version. Coded words (`base.Identifier`) are ASCII, so none of this arises in them.

Kept is what a script needs: a joiner, a non-joiner or a break without width right after a character that is not Latin
(Persian, Hindi, Khmer, pictures of several parts), the marks of direction (U+200E, U+200F, U+061C) in a text that has
letters written from right to left, a selector right after what it selects of (never a Latin letter), and the tags of a
flag. Sources: Unicode Standard Annex 15 (normal forms), Technical Reports 36 and 39 (security), RFC 5892 appendix A
(joiners in context).
"""

import json
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
_SELECTED = re.compile(f"(?<=[^\\sA-Za-z\xc0-\u02ff\x00-\x1f\u2000-\u200f{_BLANK}{_SELECTORS}])[{_SELECTORS}]")
_NEVER = "\ufdd0-\ufdef" + "".join(chr(plane << 16 | last) for plane in range(17) for last in (0xFFFE, 0xFFFF))
_NO_CHARACTER = re.compile(f"[{_BLANK}{_SELECTORS}{_NEVER}\ufff0-\ufffb\U000e0000-\U000e0fff]")
_LINE_END = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")


def clean_text(text: str, *, lines: bool = True) -> str:
    """Return a text as it is kept; with ``lines`` it is a long one.

    Raises:
        ValueError: it has nothing to see, or, where it is a short one, something in it hides. What it says is not
            repeated.
    """
    if text.isascii() and text.isprintable() and text.strip():
        return text
    text = normalize("NFC", _LINE_END.sub("\n", text)).strip()
    if not lines and (private := next((letter for letter in text if category(letter) == "Co"), "")):
        raise ValueError(f"must hold nothing that looks different elsewhere: it has U+{ord(private):04X}")
    while hiding := _hiding(text, "\n\t" if lines else ""):
        if not lines:
            raise ValueError(f"must hold nothing that cannot be seen: it has U+{ord(next(iter(hiding.values()))):04X}")
        # Without it, what stood beside it may stand at nothing.
        text = normalize("NFC", "".join(letter for at, letter in enumerate(text) if at not in hiding)).strip()
    if not any(category(letter)[0] in "LNPS" for letter in text):
        raise ValueError("must hold something that can be seen")
    return text


def show_hidden(text: str) -> str:
    """Return a text as it is shown to anybody: what hides in it, or is no character yet, is spelled as JSON escapes it,
    so that JSON still says the same. Line ends and tabs stay."""
    if text.isascii() and text.isprintable():
        return text  # Most texts are: the next question takes ten times as long.
    if text.replace("\n", "").replace("\t", "").isprintable() and not _NO_CHARACTER.search(text):
        return text
    hiding = _hiding(text, "\n\t")
    return "".join(
        json.dumps(letter)[1:-1] if at in hiding or category(letter) in ("Cn", "Co") else letter
        for at, letter in enumerate(text)
    )


def _hiding(text: str, allowed: str) -> dict[int, str]:
    """Return what hides in a text, by its place."""
    hidden = "".join(letter for letter in dict.fromkeys(text) if letter not in allowed and _hides(letter))
    if not hidden:
        return {}
    found = {at: letter for at, letter in enumerate(text) if letter in hidden}
    spans = [match.span() for kept in (_FLAG, _JOINED, _SELECTED) for match in kept.finditer(text)]
    needed = dict.fromkeys(at for span in spans for at in range(*span))
    marks = _MARKS if any(bidirectional(letter) in ("R", "AL") for letter in text if letter not in _MARKS) else ""
    return {at: letter for at, letter in found.items() if at not in needed and letter not in marks}


def _hides(letter: str) -> bool:
    kind = category(letter)
    if kind == "Cf":
        return not re.match(f"[{_VISIBLE_FORMATS}]", letter)
    return kind in ("Cc", "Cs", "Zl", "Zp") or _NO_CHARACTER.match(letter) is not None
