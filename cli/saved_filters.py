"""Filters of the worklist that people save under a name, in their own configuration."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from application.errors import InvalidInput, NotFound
from application.input import forms
from application.profiles import own_configuration
from application.work.worklist import ListWork
from cli.input import check_options
from workflows.journey.vocabulary.base import Identifier, InputModel
from workflows.journey.vocabulary.limits import COMMAND_LIMIT


class _Name(InputModel):
    save: Identifier


class _Saved(InputModel):
    filters: dict[Identifier, ListWork]


def check_filters(given: Mapping[str, Any], saved: ListWork | None = None) -> ListWork:
    """Return the filters of these options, added to ``saved`` ones, which they override.

    Raises:
        InvalidInput: an option does not fit, or two of them exclude each other.
    """
    before = {} if saved is None else _as_json(saved)
    filters = check_options(ListWork, {**before, **{name: value for name, value in given.items() if value}})
    if filters.all and (filters.mine or filters.role):
        raise _excluded("--all does not go with --mine or --role")
    if filters.mine and filters.unassigned:
        raise _excluded("--mine does not go with --unassigned: nothing is both")
    return filters


def spell_options(filters: ListWork) -> str:
    """Return filters as options are typed."""
    given: list[str] = []
    for name, value in _as_json(filters).items():
        values = value if isinstance(value, list) else [value]
        given += [f"--{name}" if each is True else f"--{name} {each}" for each in values]
    return " ".join(given)


def load_filters() -> dict[str, ListWork]:
    """Load the saved filters of this user, by name.

    Raises:
        InvalidInput: the file cannot be read, or is not what `save_filters` writes.
    """
    try:
        with _file().open("rb") as file:
            raw = file.read(COMMAND_LIMIT + 1)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise _unusable(f"cannot be read ({error.strerror})") from None
    try:
        return forms.check(_Saved, forms.read_object(raw)).filters
    except InvalidInput:
        pass
    raise _unusable("do not fit this version")


def find_filters(name: str) -> ListWork:
    """Return the filters saved under a name.

    Raises:
        NotFound: there are none.
        InvalidInput: as `load_filters`.
    """
    found = load_filters().get(name)
    if found is None:
        raise NotFound("no filters are kept under this name", "See `work filters`")
    return found


def save_filters(name: str, filters: ListWork | None) -> None:
    """Save filters under a name and replace earlier ones, or remove them.

    Raises:
        InvalidInput: this is no name, or the file cannot be read or written.
    """
    check_options(_Name, {"save": name})
    known = {**load_filters(), name: filters}
    content = _Saved(filters={each: filters for each, filters in known.items() if filters is not None})
    path = _file()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # As a whole or not at all: the file is replaced once the new one is written.
        with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=".work-", delete=False) as file:
            written = Path(file.name)
            try:
                file.write(content.model_dump_json(indent=2, exclude_defaults=True) + "\n")
                file.flush()
                written.replace(path)
            except BaseException:
                written.unlink(missing_ok=True)
                raise
    except OSError as error:
        raise _unusable(f"cannot be written ({error.strerror})") from None


def as_json() -> dict[str, dict[str, Any]]:
    """Return all saved filters, for scripts."""
    return {name: _as_json(each) for name, each in load_filters().items()}


def _as_json(filters: ListWork) -> dict[str, Any]:
    return filters.model_dump(mode="json", exclude_defaults=True, exclude={"limit", "after"})


def _excluded(reason: str) -> InvalidInput:
    return InvalidInput(reason, "Leave one of them out; a filter of --use may hold the other")


def _file() -> Path:
    return own_configuration() / "work.json"


def _unusable(how: str) -> InvalidInput:
    return InvalidInput(
        f"your filters {how}",
        "Look at work.json in your own configuration (~/.config/carepath), or put it aside",
        state="Nothing was changed.",
    )
