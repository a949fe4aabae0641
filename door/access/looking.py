"""Looking at a journey: who may, and that they did. It is kept before anything is shown, or nothing is.

A journey is for its clinic's people and for whom its plan of care names; anybody else breaks the glass first.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import typer

from door import shell
from door.outcomes import ExitCode, Problem
from door.profiles import Profile, load_person
from door.services import Services, no_such_journey
from workflows.journey import events as e
from workflows.journey.actors import Role
from workflows.journey.aggregate import Journey
from workflows.journey.always.access import may_look

if TYPE_CHECKING:
    from activities.record import Record, StoredEvent

PURPOSES: Mapping[Role, str] = {
    Role.PATIENT: "PATRQT",
    Role.COORDINATOR: "CAREMGT",
    Role.OPS: "HSYSADMIN",
}
"""What people look for unless they say otherwise; all others: treatment."""
BROKEN = "BTG"
NOT_KEPT = ("profile", "purpose", "json", "csv", "file", "template", "schema")
"""Options that do not change what is seen, and a file's name, which may hold anything."""


@dataclass(frozen=True)
class Reader:
    """Who looks, what for, and what they asked for, word for word."""

    services: Services
    person: Profile
    purpose: str
    command: tuple[str, ...]

    async def events(self, journey_id: UUID) -> tuple[e.Event, ...]:
        """A journey's events, oldest first, once it is kept who looks at them.

        Raises:
            Problem: there is no such journey, or it is not theirs to look at.
        """
        from activities.record.event_codec import from_stored

        return tuple(map(from_stored, await self.stored(journey_id)))

    async def stored(self, journey_id: UUID) -> "tuple[StoredEvent, ...]":
        """The same events with their places in the record.

        Raises:
            Problem: as `events`.
        """
        async with self.services.record() as record:
            stored = await record.load(journey_id)
            if not stored:
                raise no_such_journey(journey_id)
            journey = _readable(stored)
            may = journey is not None and self.may_look(journey)
            broke = not may and await self.services.broke_glass(record, journey_id, self.person.id)
            position = stored[-1].position
            purpose = BROKEN if broke else self.purpose
            await self.keep(record, [journey_id], position, shown=may or broke, purpose=purpose)
        if not may and not broke:
            raise Problem(
                ExitCode.NOT_ALLOWED,
                "this journey is of a clinic you do not work for, and its plan of care does not name you",
                f"Ask its clinic; in an emergency: `access break-glass {journey_id}`",
                state="That you tried is kept. Nothing else happened.",
            )
        return stored

    async def journeys(self, record: "Record", journey_ids: Iterable[UUID]) -> tuple[Journey, ...]:
        """Those of these journeys that are theirs to look at, as far as they are readable, once that is kept."""
        loaded = [await record.load(journey_id) for journey_id in journey_ids]
        readable = [(journey, stored) for stored in loaded if (journey := _readable(stored)) is not None]
        theirs = [(journey, stored) for journey, stored in readable if self.may_look(journey)]
        position = max((stored[-1].position for _, stored in theirs), default=0)
        await self.keep(record, [journey.id for journey, _ in theirs], position)
        return tuple(journey for journey, _ in theirs)

    def clinics(self, asked_for: str | None) -> tuple[str, ...]:
        """The clinics a list is to be of: the one that was asked for, or all this person works for.

        Raises:
            Problem: they do not work for it, or for none.
        """
        theirs = self.person.clinics if asked_for is None else (asked_for,)
        if not theirs or not set(theirs) <= {*self.person.clinics}:
            raise Problem(
                ExitCode.NOT_ALLOWED,
                "this is not a clinic your profile names" if theirs else "your profile names no clinic",
                "`clinics` in your profile are those you work for; `work list --mine` shows what falls to you anywhere",
            )
        return theirs

    def may_look(self, journey: Journey) -> bool:
        return may_look(journey, self.person.id, self.person.clinics)

    async def keep(self, record: "Record", journeys: Sequence[UUID], position: int, **more: Any) -> None:
        """Keep that somebody looks at these journeys, as they are true up to a position; ``more`` as in `NewReading`.

        Raises:
            RecordUnavailable, RecordFault: it cannot be kept, and nothing may be shown.
        """
        from activities.record.access_log import NewAccessLogEntry

        reading = {
            "entry_id": uuid4(),
            "reader_id": self.person.id,
            "reader_role": self.person.role,
            "purpose": self.purpose,
            "clock": self.services.now(),
            "command": self.command,
            "journeys": journeys,
            "position": position,
        }
        await self.services.record_access(record, NewAccessLogEntry.model_validate(reading | more))


def _readable(stored: "Sequence[StoredEvent]") -> Journey | None:
    """A journey as far as its events can be read: one that cannot must not keep people from all the others."""
    from activities.record.read_models.projection import apply_events

    course, _ = apply_events(None, stored)
    return None if course is None else course.journey


def reader(context: typer.Context, profile: str | None, purpose: str | None) -> Reader:
    """Who gives this command, and what they look for.

    Raises:
        Problem: that is not known, or no purpose.
    """
    from activities.record.access_log import Purpose

    services = shell.services(context)
    person = load_person(profile, services.settings_without_servers().profile)
    wanted = purpose.upper() if purpose else PURPOSES.get(person.role, "TREAT")
    offered = [code.value for code in Purpose if code != BROKEN]
    if wanted not in offered:
        raise Problem(ExitCode.USAGE, "--purpose is none", f"One of: {', '.join(offered)}")
    return Reader(services, person, wanted, tuple(_words(context)))


def _words(context: typer.Context) -> Iterator[str]:
    """A command as it was typed, options spelled out, without those that change nothing of what is seen."""
    yield from context.command_path.split()[1:]
    for parameter in context.command.params:
        value = context.params.get(parameter.name or "")
        if parameter.name in NOT_KEPT or value is None or value is False or value == parameter.default:
            continue
        for each in value if isinstance(value, list | tuple) else [value]:
            if parameter.param_type_name == "option":
                yield parameter.opts[0]
            if each is not True:
                yield str(each)
