"""The reference says what the code says."""

from docs.generate import pages
from docs.schemas import attribute_docs, classes_of
from workflows.journey.protocol import Protocol


def test_the_reference_is_up_to_date() -> None:
    generated = pages()
    outdated = [page.name for page, text in generated.items() if page.read_text() != text]
    assert not outdated, f"{outdated}: run `make docs` and read what changed"
    looked_at = {page.name for page in generated}
    assert looked_at >= {"commands.md", "events.md", "exit-codes.md", "settings.md", "requirements.md"}


def test_every_field_of_a_protocol_is_explained() -> None:
    models = classes_of((Protocol,)).values()
    assert len(models) > 20
    silent = [f"{m.__name__}.{field}" for m in models for field in m.model_fields if field not in attribute_docs(m)]
    assert silent == []
    assert all(model.__doc__ for model in models)
