"""What people write: it has something to see, one spelling, and nothing that hides, in whatever script it is."""

import json
import sys
from contextlib import suppress
from unicodedata import category, is_normalized

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from workflows.journey.vocabulary.base import Identifier, Short, Text
from workflows.journey.vocabulary.texts import clean_text, show_hidden

LONG, SHORT, CODE = TypeAdapter(Text), TypeAdapter(Short), TypeAdapter(Identifier)

NOTHING_TO_SEE = (
    "", " ", "\t\n", "\u00a0", "\u2003", "\u3000", "\u200b", "\u200c", "\u200d", "\u200e", "\u2060", "\u2063", "\u2065",
    "\ufeff", "\u00ad", "\u034f", "\u061c", "\u115f", "\u1160", "\u17b4", "\u180b", "\u180e", "\u2800", "\u3164",
    "\uffa0", "\ufe0f", "\ufe00", "\U000e0100", "\U000e0041", "\U000e0001", "\ufff9", "\ufffc", "\u202e",
    "\u2066\u2069", "\u2028", "\u2029", "\x00", "\x1b", "\x7f", "\x85", "\u0301", "\u20e3", "\U0001d159", "\U0001d173",
    "\u206a", "\u200b \u3164\u2800\ufe0f",
)  # fmt: skip
HIDING = (
    "no\x00thing", "a\x1b[2Jb", "a\x08b", "over\u202eridden", "iso\u2066lated\u2069", "em\u202abedded\u202c",
    "zero\u200bwidth", "join\u200ced", "join\u200ded", "soft\u00adhyphen", "fil\u3164ler", "fil\uffa0ler", "a\u2060b",
    "\ufeffbom", "line\u2028end", "para\u2029graph", "tag\U000e0041\U000e0042", "two\ufe0f\ufe0f", "a \ufe0f b",
    "left\u200eright", "a\u2062b", "a\ufff9b\ufffbc", "a\U000e0100\U000e0101", "\U0001f3f4\U000e0067 alone", "a\u2065b",
    "می\u200c\u200c\u200cخواهم", "Robin Example\uffff", "a\ufdd0b", "a\U0010fffe",
)  # fmt: skip
WRITTEN = (
    "Weighed against the risks.", "naïve café", "Überweisung – „gut“", "Ελληνικά", "Русский", "עברית", "العربية",
    "می\u200cخواهم", "علی\u200cرضا", "क\u094d\u200dष", "ක\u0dca\u200dෂ",
    "ภาษา\u200bไทย", "ខ្មែរ\u200bភាសា", "日本語", "漢\U000e0100字", "한국어",
    "👨\u200d👩\u200d👧", "❤\ufe0f", "❤\ufe0f\u200d🔥", "👍🏽", "1\ufe0f\u20e3", "🇺🇸", "🏳\ufe0f\u200d🌈",
    "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f", "עברית\u200f (ABC)\u200e", "\u0661\u0662\u06dd",
    "x ≤ 5 mg/kg", "5 × 10⁻³", "…", "?", "7", "non\u00a0breaking",
)  # fmt: skip


@pytest.mark.parametrize("kind", [LONG, SHORT, CODE], ids=["long", "short", "code"])
def test_nothing_to_see_is_nothing_written(kind: TypeAdapter[str]) -> None:
    taken = []
    for typed in (typed for text in NOTHING_TO_SEE for typed in (text, f" {text} ", text * 3)):
        with suppress(ValidationError):
            taken.append((typed, kind.validate_python(typed)))
    assert taken == []


@pytest.mark.parametrize("text", HIDING, ids=ascii)
@pytest.mark.parametrize("kind", [SHORT, CODE], ids=["short", "code"])
def test_nothing_hides_in_a_few_words(kind: TypeAdapter[str], text: str) -> None:
    with pytest.raises(ValidationError) as refused:
        kind.validate_python(text)
    # What was written is not said again: it may be about a patient.
    assert all(text not in error["msg"] for error in refused.value.errors(include_input=False))


@pytest.mark.parametrize("text", HIDING, ids=ascii)
def test_a_long_text_is_taken_without_what_hides(text: str) -> None:
    """A call for help is not refused because of what came along when it was pasted."""
    kept = LONG.validate_python(text)
    assert kept
    assert SHORT.validate_python(kept.replace("\n", " ")) == kept.replace("\n", " ")


@pytest.mark.parametrize("kind", [LONG, SHORT], ids=["long", "short"])
def test_every_script_passes(kind: TypeAdapter[str]) -> None:
    for text in WRITTEN:
        kept = kind.validate_python(text)
        assert is_normalized("NFC", kept)
        assert kind.validate_python(f"  {text}\n") == kept


def test_a_few_words_have_no_character_that_looks_different_elsewhere() -> None:
    pasted = "\uf0b7 a list pasted from a word processor"
    assert LONG.validate_python(pasted) == pasted
    for private in ("\uf0b7", "\ue000", "\uf8ff", "\U000f0000", "\U0010fffd"):
        with pytest.raises(ValidationError, match=f"it has U\\+{ord(private):04X}"):
            SHORT.validate_python(f"Robin {private}Example")


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("cafe\u0301", "café"), ("A\u030a", "Å"), ("\u212b", "Å"), ("\u1112\u1161\u11ab", "한"),
        ("a\r\nb\rc", "a\nb\nc"), ("a\tb", "a\tb"), ("\n a \n", "a"),
        ("\u0958", "\u0915\u093c"), ("q\u0307\u0323", "q\u0323\u0307"), ("ﬁ", "ﬁ"),
    ],
    ids=ascii,
)  # fmt: skip
def test_two_spellings_of_a_text_are_one(given: str, kept: str) -> None:
    assert LONG.validate_python(given) == kept


@pytest.mark.parametrize("text", ["two\nlines", "a\ttab", "a\rb", "a\x0bb"])
def test_a_few_words_have_one_line(text: str) -> None:
    with pytest.raises(ValidationError):
        SHORT.validate_python(text)


def test_a_text_is_measured_as_it_is_kept() -> None:
    """Composing may make a text longer, and what was kept is read again."""
    with pytest.raises(ValidationError, match="at most 200 characters"):
        SHORT.validate_python("\u0958" * 200)


@given(st.text(max_size=40))
def test_what_is_kept_is_kept_as_it_is_when_it_is_read_again(text: str) -> None:
    try:
        kept = LONG.validate_python(text)
    except ValidationError:
        return
    assert LONG.validate_python(kept) == kept
    assert clean_text(kept) == kept
    assert is_normalized("NFC", kept)


def deceives(letter: str) -> bool:
    """Whether a reader cannot see a character that stands by itself between two Latin letters: by Unicode's own kinds,
    and by what has no shape although it is a letter, a mark or a symbol by kind."""
    kind = category(letter)
    shapeless = "\u034f\u115f\u1160\u17b4\u17b5\u2065\u2800\u3164\uffa0\ufffc"
    selects = (
        letter in "\u180b\u180c\u180d\u180f" or "\ufe00" <= letter <= "\ufe0f" or "\U000e0100" <= letter <= "\U000e01ef"
    )
    return kind in ("Cc", "Cf", "Cs", "Cn", "Co", "Zl", "Zp") or letter in shapeless or selects


SEEN_FORMATS = {*map(chr, range(0x600, 0x606)), *"\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd"}
"""Characters that Unicode counts as formats, and that are seen."""


@pytest.mark.long
def test_nothing_that_hides_is_shown_as_it_is() -> None:
    """Every character there is, and every 101st that is none yet or nobody's, by itself in a word."""
    for number in range(sys.maxunicode + 1):
        letter = chr(number)
        if category(letter) in ("Cn", "Co") and number % 101:
            continue
        shown = show_hidden(f"a{letter}b")
        if letter in "\n\t" or letter in SEEN_FORMATS:
            assert shown == f"a{letter}b"
        elif deceives(letter):
            assert letter not in shown, hex(number)
            assert json.loads(f'"{shown}"') == f"a{letter}b"
        elif shown != f"a{letter}b":
            assert category(letter) in ("Cf", "So", "Mn", "Lo"), hex(number)


def test_two_names_that_look_the_same_are_one() -> None:
    """Every character there is or never will be, and every 101st that is none yet: a name either refuses it between two
    Latin letters, or shows it as it is. Only what is no character yet is kept and spelled out."""
    for number in range(sys.maxunicode + 1):
        letter, never = chr(number), 0xFDD0 <= number <= 0xFDEF or number & 0xFFFE == 0xFFFE
        if category(letter) in ("Cn", "Co") and not never and number % 101:
            continue
        try:
            kept = clean_text(f"a{letter}b", lines=False)
        except ValueError:
            assert never or deceives(letter) or category(letter) in ("So", "Mn", "Lo"), hex(number)
        else:
            assert not never, hex(number)
            if category(letter) != "Cn":
                assert letter in SEEN_FORMATS or not deceives(letter), hex(number)
                assert show_hidden(kept) == kept, hex(number)


def test_what_may_be_signed_is_shown_as_it_is() -> None:
    """What a text was cleaned of hides; what is left of it, such as joiners where a script needs them, is seen."""
    for text in ("نمی‌خواهم", "क्‍ष", "👩‍⚕️ ok", "é", "שלום \u200eabc"):
        assert show_hidden(clean_text(text)) == clean_text(text)


@given(st.text(st.characters(categories=None), max_size=60))
def test_what_is_kept_needs_no_escape_and_json_says_the_same(text: str) -> None:
    try:
        kept = clean_text(text)
    except ValueError:
        kept = ""
    assert not [
        letter for letter in show_hidden(kept) if category(letter) in ("Cc", "Cs", "Zl", "Zp") and letter not in "\n\t"
    ]
    assert json.loads(show_hidden(json.dumps(text, ensure_ascii=False))) == text
    assert show_hidden(show_hidden(text)) == show_hidden(text)
