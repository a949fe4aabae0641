"""Which part of the worklist somebody wants, and the parts they keep under a name of their own."""

import tempfile
from collections.abc import Mapping
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from door import forms
from door.access.looking import Reader
from door.outcomes import ExitCode, Problem
from door.profiles import own_configuration
from workflows.journey.actors import Actor, Role
from workflows.journey.base import Identifier as Word
from workflows.journey.base import InputModel
from workflows.journey.commands import COMMAND_LIMIT

if TYPE_CHECKING:
    from activities.record.read_models import WorklistFilter


class Filters(InputModel):
    """The options that narrow a worklist."""

    mine: bool = False
    role: tuple[Role, ...] = ()
    all: bool = False
    unassigned: bool = False
    overdue: bool = False
    today: bool = False
    clinic: Word | None = None
    journey: UUID | None = None

    @property
    def of_own_role(self) -> bool:
        """Whether whom it is awaited of is left to the profile."""
        return not (self.mine or self.role or self.all or self.journey)

    @property
    def options(self) -> str:
        """As they are typed."""
        given: list[str] = []
        for name, value in self.model_dump(mode="json", exclude_defaults=True).items():
            values = value if isinstance(value, list) else [value]
            given += [f"--{name}" if each is True else f"--{name} {each}" for each in values]
        return " ".join(given)


class _Name(InputModel):
    save: Word


class _Kept(InputModel):
    filters: dict[Word, Filters]


def checked(given: Mapping[str, Any], kept: Filters | None = None) -> Filters:
    """The filters of these options, which are added to ``kept`` ones and win over them.

    Raises:
        Problem: an option does not fit, or two of them exclude each other.
    """
    before = {} if kept is None else kept.model_dump(mode="json", exclude_defaults=True)
    filters = forms.check_options(Filters, {**before, **{name: value for name, value in given.items() if value}})
    if filters.all and (filters.mine or filters.role):
        raise _excluded("--all does not go with --mine or --role")
    if filters.mine and filters.unassigned:
        raise _excluded("--mine does not go with --unassigned: nothing is both")
    return filters


def _excluded(reason: str) -> Problem:
    return Problem(ExitCode.USAGE, reason, "Leave one of them out; a filter of --use may hold the other")


def work_of(filters: Filters, who: Reader, now: datetime) -> "WorklistFilter":
    """What to ask the worklist for, on behalf of a person at a moment: what falls to them, or of their clinics.

    Raises:
        Problem: it is of a clinic they do not work for.
    """
    from activities.record.read_models import WorklistFilter

    # One clinic is found by its index, and of several only those rows are kept.
    theirs = () if filters.mine else who.clinics(filters.clinic)
    due_before = now if filters.overdue else midnight_after(now) if filters.today else None
    return WorklistFilter(
        mine=who.person.id if filters.mine else None,
        owners=owners(filters, who.person),
        unassigned=filters.unassigned,
        due_before=due_before,
        clinic=theirs[0] if len(theirs) == 1 else filters.clinic,
        clinics=theirs if len(theirs) > 1 else None,
        journey_id=filters.journey,
    )


def owners(filters: Filters, person: Actor) -> tuple[Role, ...]:
    """The roles whose work is wanted; none for everybody's.

    A coordinator who names none wants everybody's: what others let slip is theirs to chase, and stays the others'.
    """
    if not filters.of_own_role:
        return filters.role
    return () if person.role == Role.COORDINATOR else (person.role,)


def midnight_after(moment: datetime) -> datetime:
    """When the day of a moment ends where the user is."""
    tomorrow = moment.astimezone().date() + timedelta(days=1)
    return datetime.combine(tomorrow, time()).astimezone()


def kept() -> dict[str, Filters]:
    """The filters this user keeps, by name.

    Raises:
        Problem: the file cannot be read, or is not what `keep` writes.
    """
    try:
        with _file().open("rb") as file:
            raw = file.read(COMMAND_LIMIT + 1)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise _unusable(f"cannot be read ({error.strerror})") from None
    try:
        return forms.check(_Kept, forms.read_object(raw)).filters
    except Problem:
        pass
    raise _unusable("do not fit this version")


def kept_as(name: str) -> Filters:
    """The filters kept under a name.

    Raises:
        Problem: there are none, or as `kept`.
    """
    found = kept().get(name)
    if found is None:
        raise Problem(ExitCode.NOT_FOUND, "no filters are kept under this name", "See `work filters`")
    return found


def keep(name: str, filters: Filters | None) -> None:
    """Keep filters under a name, in the place of those that were; or none any more.

    Raises:
        Problem: this is no name, or the file cannot be read or written.
    """
    forms.check_options(_Name, {"save": name})
    known = {**kept(), name: filters}
    content = _Kept(filters={each: filters for each, filters in known.items() if filters is not None})
    path = _file()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Whole or not at all: it is put in its place when it is written.
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


def _file() -> Path:
    return own_configuration() / "work.json"


def _unusable(how: str) -> Problem:
    return Problem(
        ExitCode.USAGE,
        f"your filters {how}",
        "Look at work.json in your own configuration (~/.config/carepath), or put it aside",
        state="Nothing was changed.",
    )
