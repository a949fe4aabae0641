"""What a template writes of a value: nothing in it hides, and nothing in it is markup."""

from enum import StrEnum
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup, escape

from console.pages import PAGES, AsTyped
from workflows.journey.vocabulary.texts import show_hidden


class _Colour(StrEnum):
    SHARP = "<sharp>"


def _write(value: object) -> str:
    return PAGES.from_string("{{ value }}").render(value=value)


@given(st.text(alphabet=st.one_of(st.characters(min_codepoint=0, max_codepoint=160), st.characters()), max_size=20))
def test_a_text_is_shown_with_nothing_hidden_and_no_markup(text: str) -> None:
    assert _write(text) == str(escape(show_hidden(text)))


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (Markup("<b>"), "<b>"),
        (AsTyped("a\u202e<b>"), "a\u202e&lt;b&gt;"),
        (_Colour.SHARP, "&lt;sharp&gt;"),
        (["<b>"], "[&#39;&lt;b&gt;&#39;]"),
        (UUID(int=0), "00000000-0000-0000-0000-000000000000"),
        (3, "3"),
        (None, "None"),
    ],
)
def test_what_is_no_plain_text(value: object, written: str) -> None:
    assert _write(value) == written


def test_what_stands_in_a_template_and_what_a_macro_or_a_block_gives_is_escaped_once() -> None:
    template = "{% macro m(v) %}<i>{{ v }}</i>{% endmacro %}{% set s %}{{ v }}{% endset %}{{ m(v) }}{{ s }}{{ '<' }}"
    assert PAGES.from_string(template).render(v="<") == "<i>&lt;</i>&lt;&lt;"
