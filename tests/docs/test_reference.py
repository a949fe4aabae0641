"""The reference says what the code says."""

from pathlib import Path

import pytest

from docs.generate import pages
from docs.schemas import attribute_docs, classes_of
from workflows.journey.protocol import Protocol
from workflows.journey.vocabulary.base import LONGEST_IDENTIFIER

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.long
def test_the_reference_is_up_to_date() -> None:
    generated = pages()
    outdated = [page.name for page, text in generated.items() if page.read_text() != text]
    assert not outdated, f"{outdated}: run `make docs` and read what changed"
    looked_at = {page.name for page in generated}
    assert looked_at >= {"commands.md", "events.md", "exit-codes.md", "settings.md", "requirements.md"}


@pytest.mark.parametrize("page", ["commands", "events", "protocol"])
def test_patterns_are_said_in_words_and_identifiers_are_as_long_as_they_may_be(page: str) -> None:
    text = (ROOT / "docs/reference" / f"{page}.md").read_text()
    assert "text like" not in text, "say the pattern in `_PATTERNS` of docs/schemas.py"
    assert "[identifier](#words)" in text
    assert f"1 to {LONGEST_IDENTIFIER} letters" in text


def test_every_field_of_a_protocol_is_explained() -> None:
    models = classes_of((Protocol,)).values()
    assert len(models) > 20
    silent = [f"{m.__name__}.{field}" for m in models for field in m.model_fields if field not in attribute_docs(m)]
    assert silent == []
    assert all(model.__doc__ for model in models)
