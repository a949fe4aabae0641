"""The reference says what the code says."""

from docs.generate import pages


def test_the_reference_is_up_to_date() -> None:
    outdated = [page.name for page, text in pages().items() if page.read_text() != text]
    assert not outdated, f"{outdated}: run `make docs` and read what changed"


def test_every_page_that_is_generated_is_looked_at() -> None:
    assert {"commands.md", "events.md", "exit-codes.md", "settings.md"} <= {page.name for page in pages()}
