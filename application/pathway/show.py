"""Look at one journey: where it stands or stood, what happened in it, why, and what changed.

Everything comes from the record, so it works while Temporal is down.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import ClassVar, NamedTuple
from uuid import UUID

from activities.record import StoredEvent, UnreadableEvent
from activities.record.event_codec import from_stored
from application.context import Context
from application.errors import NotFound
from application.input.numbers import number_in
from application.pathway.command_catalog import PreparedForm, as_task, asked_of_patient, questionnaires_lacking
from application.pathway.consents import Informed, trace_consents
from application.reading.access_log import Query, require_staff
from application.reading.history import as_known, read_journey, read_so_far
from application.sign_offs.session_releases import find_unproven, versions_of
from application.words.changes import Change, compare
from workflows.journey.aggregate import Journey
from workflows.journey.always.death.rules import find_standing
from workflows.journey.events import EnteredInError, Event, FactAmended
from workflows.journey.views.patient_view import PatientSummary, patient_summary
from workflows.journey.views.provenance import Explanation, explain

LEFT_OUT = (
    *("version", "protocol", "waiting", "paused", "refusals", "spent", "facts", "happened"),
    *("acted", "looked_at", "members"),
)
"""What a comparison of two moments leaves out: what is awaited is shown elsewhere, and the rest is internal."""


class ShowJourney(Query):
    """Where a journey stands; with ``at``, as it was known at a version or a time; with ``corrected``, including later
    corrections of it."""

    name: ClassVar[str] = "pathway show"

    journey_id: UUID
    at: str | None = None
    corrected: bool = False


class ShowTimeline(Query):
    """What happened in a journey."""

    name: ClassVar[str] = "pathway timeline"

    journey_id: UUID


class ShowRecord(Query):
    """The whole record of a journey, to be printed."""

    name: ClassVar[str] = "pathway print"

    journey_id: UUID


class ShowReasons(Query):
    """Why a journey waits."""

    name: ClassVar[str] = "pathway why"

    journey_id: UUID


class ShowPatientView(Query):
    """What the patient sees of their journey."""

    name: ClassVar[str] = "pathway patient-view"

    journey_id: UUID


class ExplainEvent(Query):
    """Why an event is in a journey."""

    name: ClassVar[str] = "pathway explain"

    journey_id: UUID
    version: int


class CompareMoments(Query):
    """What changed in a journey from one moment to another, or until now."""

    name: ClassVar[str] = "pathway diff"

    journey_id: UUID
    earlier: str
    later: str | None = None


class JourneyAt(NamedTuple):
    """A journey, the moment (UTC) at which it is looked at, its sessions whose clearance or release stands and is
    not proven, and by whom its consents and what the patient understood were recorded."""

    journey: Journey
    at: datetime
    unproven: frozenset[int]
    informed: Informed = Informed()


class UnreadEvent(NamedTuple):
    """What stands beside the content of an event that cannot be read. ``at`` (UTC) is None if it is no time."""

    version: int
    at: datetime | None
    actor_role: str
    actor_id: str
    kind: str


class Timeline(NamedTuple):
    """A journey's events, oldest first, the zone of its patient, the versions that were recorded late, whether it is a
    demonstration, and the versions of a clearance or release that stands and is not proven."""

    events: tuple[Event | UnreadEvent, ...]
    zone: str
    late: frozenset[int]
    illustrative: bool
    unproven: frozenset[int] = frozenset()


class PatientPage(NamedTuple):
    """What a patient sees, for each of their tasks the form that does it, if one does, the forms of the questionnaires
    that their evaluation lacks, by their names, and whether somebody reported that they died, and it was not entered in
    error."""

    seen: PatientSummary
    forms: tuple[tuple[PreparedForm, ...], ...]
    questionnaires: dict[str, PreparedForm]
    reported_dead: bool


class WholeRecord(NamedTuple):
    """All facts of a journey, oldest first: its events and what they came to, the versions that were recorded late, the
    position of the record up to which this is true, and the moment (UTC) at which it is looked at. ``corrected`` says
    for a version which later ones correct it, and ``unproven`` which clear or release a session, stand, and are not
    proven."""

    events: tuple[Event, ...]
    journey: Journey
    late: frozenset[int]
    position: int
    at: datetime
    corrected: Mapping[int, Sequence[int]]
    unproven: frozenset[int]


class Explained(NamedTuple):
    """Why an event is there, its journey, and the versions of a clearance or release that stands and is not proven."""

    explanation: Explanation
    journey: Journey
    unproven: frozenset[int]


class Compared(NamedTuple):
    """Two states of a journey, their differences, and the sessions whose clearance or release stands in one of them and
    is not proven."""

    before: Journey
    after: Journey
    changes: tuple[Change, ...]
    unproven: frozenset[int]


async def show_journey(context: Context, query: ShowJourney) -> JourneyAt:
    """Where a journey stands, or stood: also at a version before one that cannot be read.

    Raises:
        NotFound, NotAllowed: there is no such journey, or it is not theirs to look at.
        InvalidInput, NotFound: this is no moment of it.
        Fault: an event up to there cannot be read.
    """
    read = await read_so_far(context, query, query.journey_id)
    version = None if query.at is None or query.corrected else number_in(query.at)
    if read.whole is None and version is not None and version <= len(read.events):
        then = as_known(read.events, str(version), now=context.now())
        return await _proven(context, then, read.events, read.stored)
    history = read.require_whole()
    if query.at is None:
        return await _proven(context, history.journey, history.events, read.stored)
    then = as_known(history.events, query.at, now=context.now(), corrected=query.corrected)
    return await _proven(context, then, history.events, read.stored)


async def _proven(
    context: Context, journey: Journey, events: Sequence[Event], stored: Sequence[StoredEvent]
) -> JourneyAt:
    unproven = await find_unproven(context, journey, stored)
    return JourneyAt(journey, context.now(), unproven, trace_consents(journey, events))


async def show_timeline(context: Context, query: ShowTimeline) -> Timeline:
    """What happened in a journey, with events that cannot be read.

    Raises:
        NotFound, NotAllowed: there is no such journey, or it is not theirs to look at.
    """
    stored, read, journey = await read_so_far(context, query, query.journey_id)
    events = (*read, *map(_as_read, stored[len(read) :]))
    late = frozenset(each.version for each in stored if each.late)
    return Timeline(
        events,
        # Without its opening only somebody who broke the glass sees it.
        zone="UTC" if journey is None else journey.patient.zone,
        late=late,
        illustrative=journey is not None and journey.illustrative,
        unproven=frozenset() if journey is None else await _unproven_versions(context, journey, events, stored),
    )


async def _unproven_versions(
    context: Context, journey: Journey, events: Sequence[Event | UnreadEvent], stored: Sequence[StoredEvent]
) -> frozenset[int]:
    read = [event for event in events if isinstance(event, Event)]
    return versions_of(read, await find_unproven(context, journey, stored))


def _as_read(stored: StoredEvent) -> Event | UnreadEvent:
    try:
        return from_stored(stored)
    except UnreadableEvent:
        at = stored.occurred_at
        return UnreadEvent(stored.version, at, stored.actor_role, stored.actor_id, stored.event_type)


async def show_record(context: Context, query: ShowRecord) -> WholeRecord:
    """The whole record of a journey, to be printed.

    Raises:
        NotAllowed: they are not of the staff.
        NotFound, NotAllowed: there is no such journey, or it is not theirs to look at.
    """
    require_staff(context, "the whole record")
    history = await read_journey(context, query, query.journey_id)
    corrected: dict[int, list[int]] = {}
    for event in history.events:
        if isinstance(event.body, FactAmended | EnteredInError):
            corrected.setdefault(event.body.version, []).append(event.version)
    unproven = await _unproven_versions(context, history.journey, history.events, history.stored)
    late, position = history.late, history.position
    return WholeRecord(history.events, history.journey, late, position, context.now(), corrected, unproven)


async def show_reasons(context: Context, query: ShowReasons) -> JourneyAt:
    """A journey, to say why it waits.

    Raises:
        NotFound, NotAllowed: there is no such journey, or it is not theirs to look at.
    """
    history = await read_journey(context, query, query.journey_id)
    return await _proven(context, history.journey, history.events, history.stored)


async def show_patient_view(context: Context, query: ShowPatientView) -> PatientSummary:
    """What the patient sees: for them, and for staff who want to see the same.

    Raises:
        NotFound, NotAllowed: there is no such journey, or it is not theirs to look at.
    """
    return patient_summary((await read_journey(context, query, query.journey_id)).journey)


async def show_patient_page(context: Context, query: ShowPatientView) -> PatientPage:
    """What the patient sees, and the forms of what is asked of them.

    Raises:
        NotFound, NotAllowed: as `show_patient_view`.
    """
    journey = (await read_journey(context, query, query.journey_id)).journey
    reported_dead = find_standing(journey) is not None
    asked = tuple(tuple(as_task(journey, form) for form in forms) for forms in asked_of_patient(journey))
    lacking = {form[1]["instrument"]: as_task(journey, form) for form in questionnaires_lacking(journey)}
    return PatientPage(patient_summary(journey), asked, lacking, reported_dead)


async def explain_event(context: Context, query: ExplainEvent) -> Explained:
    """Who asked for what an event is about, and which rule made it.

    Raises:
        NotFound, NotAllowed: there is no such journey or version, or it is not theirs to look at.
    """
    history = await read_journey(context, query, query.journey_id)
    try:
        explanation = explain(history.events, query.version)
    except ValueError:
        raise NotFound("the journey has no such version", f"See `pathway timeline {query.journey_id}`") from None
    unproven = await _unproven_versions(context, history.journey, history.events, history.stored)
    return Explained(explanation, history.journey, unproven)


async def compare_moments(context: Context, query: CompareMoments) -> Compared:
    """What changed in a journey between two moments, as was known at each.

    Raises:
        NotFound, NotAllowed: there is no such journey, or it is not theirs to look at.
        InvalidInput, NotFound: this is no moment of it.
    """
    history = await read_journey(context, query, query.journey_id)
    now = context.now()
    before = as_known(history.events, query.earlier, now=now)
    after = history.journey if query.later is None else as_known(history.events, query.later, now=now)
    unproven = [await find_unproven(context, state, history.stored) for state in (before, after)]
    return Compared(before, after, differences(before, after), frozenset().union(*unproven))


def differences(before: Journey, after: Journey) -> tuple[Change, ...]:
    """Return what differs between two states of a journey."""
    then, now = (state.model_dump(mode="json", exclude=dict.fromkeys(LEFT_OUT, True)) for state in (before, after))
    return compare(then, now)
