"""Records who looks at what before anything is shown. If it cannot be recorded, nothing is shown (45 CFR 164.312(b)).

A question whose answer shows something of journeys is a `Query`. It is recorded as it was asked, so that it can be
asked again (`application.access.show_again`).
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar
from uuid import UUID, uuid4

from activities.privacy.patient_keys import PatientKeys
from activities.record.access_log import AccessLogEntry, NewAccessLogEntry, find_broken_glass, record_access
from activities.record.read_models import head
from application.context import Context
from application.errors import NotAllowed
from workflows.journey.aggregate import Journey
from workflows.journey.always.access.rules import may_look
from workflows.journey.always.care_team.rules import is_shown_a_part, list_observers
from workflows.journey.vocabulary.actors import STAFF_ROLES, Role
from workflows.journey.vocabulary.base import InputModel
from workflows.journey.vocabulary.proof import WITHOUT_KEY

LOOK_AFTER_IT = (Role.OPS, Role.MEDICAL_DIRECTOR)
"""Who sees how the service stands, in the whole organisation."""


class Query(InputModel):
    """A question about journeys. ``name`` is the name of its use case."""

    name: ClassVar[str]

    def as_kept(self) -> tuple[str, ...]:
        """Return the question as the access log has it: its name, and what was asked for, as JSON."""
        return (self.name, json.dumps(self.model_dump(mode="json", exclude_defaults=True), sort_keys=True))


class ActOn(Query):
    """Somebody sees something of a journey while they act on it. ``action`` names what they do."""

    name: ClassVar[str] = "act"

    action: str
    journey_id: UUID


class LookAfter(Query):
    """Somebody sees how the service stands, and so of journeys that something is wrong with them: of any clinic, if
    they look after the service. ``action`` names what they do."""

    name: ClassVar[str] = "look after"

    action: str


def may_see(context: Context, journey: Journey) -> bool:
    """Whether the person may look at a journey: they work for its clinic, or its plan of care names them."""
    return context.as_seen is not None or may_look(journey, context.person.id, context.person.clinics, context.now())


def is_theirs(context: Context, journey: Journey) -> bool:
    """Whether the person may be told something of a journey: they may look at it, or have a part in it now."""
    return may_see(context, journey) or is_shown_a_part(journey, context.actor)


def reader_id(context: Context, patients: PatientKeys) -> str:
    """Return how the access log names who looks: staff by their id, a patient or an observer by a key, because their id
    would say of somebody that they are a patient, or near one."""
    person = context.person
    return patients.of_reader(person.id).hex() if person.role in WITHOUT_KEY else person.id


def name_readers(
    entries: Iterable[AccessLogEntry], patients: PatientKeys, journeys: Iterable[Journey]
) -> tuple[AccessLogEntry, ...]:
    """Return entries with the ids of those patients and observers who are of these journeys."""
    theirs = {person for journey in journeys for person in (journey.patient.ref, *list_observers(journey))}
    known = {patients.of_reader(person).hex(): person for person in theirs}
    return tuple(
        entry.model_copy(update={"reader_id": known.get(entry.reader_id, entry.reader_id)}) for entry in entries
    )


async def has_broken_glass(context: Context, journey_id: UUID) -> bool:
    """Whether the person has emergency access to a journey that has not ended."""
    record = await context.record()
    found = await find_broken_glass(record, journey_id, reader_id(context, record.patients), context.now())
    return found is not None


async def keep_look(context: Context, query: Query, journeys: Sequence[UUID], position: int, **more: Any) -> None:
    """Record that the person looks at these journeys, as of a position. ``more`` as in `NewAccessLogEntry`.

    Raises:
        RecordUnavailable, RecordFault: it cannot be recorded, and nothing may be shown.
    """
    if context.as_seen is not None:
        return
    record = await context.record()
    entry = {
        "entry_id": uuid4(),
        "reader_id": reader_id(context, record.patients),
        "reader_role": context.person.role,
        "purpose": context.purpose,
        "clock": context.now(),
        "command": query.as_kept(),
        "journeys": journeys,
        "position": position,
    }
    await record_access(record, NewAccessLogEntry.model_validate(entry | more))


async def keep_look_after(context: Context, action: str, journeys: Iterable[UUID]) -> None:
    """Record that the person, who looks after the service, sees of these journeys how they stand, and nothing of what
    is in them.

    Raises:
        RecordUnavailable, RecordFault: as `keep_look`.
    """
    shown = tuple(dict.fromkeys(journeys))
    await keep_look(context, LookAfter(action=action), shown, await head(await context.record()))


def require_looks_after_it(context: Context) -> None:
    """Require that the person looks after the service.

    Raises:
        NotAllowed: they do not.
    """
    if context.person.role not in LOOK_AFTER_IT:
        raise NotAllowed(
            "how the service stands is not for your role",
            "Ask ops, or the medical director",
            state="Nothing was shown or changed.",
        )


def require_staff(context: Context, what: str) -> None:
    """Require that the person is of the staff, or ops.

    Raises:
        NotAllowed: they are not; ``what`` says what they cannot see.
    """
    if context.as_seen is None and context.person.role not in STAFF_ROLES:
        raise NotAllowed(f"{what} is for staff", "Ask the clinic", state="Nothing was shown or changed.")


def clinics_to_list(context: Context, asked_for: str | None) -> tuple[str, ...]:
    """Return the clinics that a list covers: the one that was asked for, or all that this person works for.

    Raises:
        NotAllowed: they do not work for it, or for none.
    """
    theirs = context.person.clinics if asked_for is None else (asked_for,)
    if not theirs or not set(theirs) <= {*context.person.clinics}:
        raise NotAllowed(
            "this is not a clinic your profile names" if theirs else "your profile names no clinic",
            "`clinics` in your profile are those you work for; `work list --mine` shows what falls to you anywhere",
        )
    return theirs
