"""List who looked at what, and show it again: the same use case, on what was recorded then, at the time of that
look."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple, TypeAlias, TypeVar
from uuid import UUID

from activities.privacy.patient_keys import PatientKeys
from activities.record import Record
from activities.record.access_log import AccessLogEntry, find_access, list_access
from activities.record.event_codec import from_stored
from activities.record.read_models import Case, CaseloadFilter, ListPage, SignOffRequest, Task, caseload
from activities.record.read_models.row_types import CaseRow, ObligationRow
from activities.record.read_models.rows import DEFINITION, ProjectionState, apply, rows
from application.access.break_glass import OpenInEmergency
from application.access.looks import ListLooks, show_looks
from application.context import Context
from application.errors import Conflict, InvalidInput, NotAllowed, NotFound, NotVerified
from application.identity.keyring import verified_register
from application.messages.messages import ListMessages, show_messages
from application.operations.payloads import DecodePayloads
from application.pathway.patient import ShowPatient, show_patient
from application.pathway.session_room import ShowSession, show_session
from application.pathway.show import (
    CompareMoments,
    ExplainEvent,
    ShowJourney,
    ShowPatientView,
    ShowReasons,
    ShowRecord,
    ShowTimeline,
    compare_moments,
    explain_event,
    show_journey,
    show_patient_view,
    show_reasons,
    show_record,
    show_timeline,
)
from application.reading.access_log import ActOn, LookAfter, Query, name_readers, reader_id
from application.reading.freshness import TrueUpTo
from application.reading.history import read_journeys, read_so_far
from application.sign_offs.queue import ListQueue, QueuePage
from application.sign_offs.refused_attempts import ListAttempts, list_attempts
from application.sign_offs.requests import ListRequests, ShowRequest, list_requests, show_request
from application.work.caseload import CasePage, ListJourneys, list_journeys
from application.work.hold_together import FindConcerned, PrepareReleases, find_concerned, prepare_releases
from application.work.permissions import ListPermissions, list_permissions
from application.work.service_levels import ShowServiceLevels
from application.work.worklist import ListWork, WorkPage
from workflows.journey.obligations import obligations
from workflows.journey.vocabulary.actors import STAFF_ROLES

Q = TypeVar("Q", bound=Query)
Answered: TypeAlias = Callable[[Context, str], Awaitable[object]]


def _use_case(query: type[Q], answer: Callable[[Context, Q], Awaitable[object]]) -> tuple[str, Answered]:
    async def again(context: Context, kept: str) -> object:
        return await answer(context, query.model_validate_json(kept))

    return query.name, again


async def _looks_again(context: Context, query: ListLooks) -> object:
    """Return who had looked before that look."""
    assert context.as_seen is not None
    earlier = query.model_copy(update={"before": query.before or context.as_seen.entry_id})
    if earlier.journey_id is None:
        return await list_looks(context, earlier)
    return await show_looks(context, earlier, earlier.journey_id)


async def _acted_again(context: Context, query: ActOn) -> object:
    """Return how the journey stood of which somebody saw something while they acted on it."""
    return await show_journey(context, ShowJourney(journey_id=query.journey_id))


USE_CASES: Mapping[str, Answered] = dict(
    (
        _use_case(ShowJourney, show_journey),
        _use_case(ShowTimeline, show_timeline),
        _use_case(ShowRecord, show_record),
        _use_case(ShowReasons, show_reasons),
        _use_case(ShowPatientView, show_patient_view),
        _use_case(ExplainEvent, explain_event),
        _use_case(CompareMoments, compare_moments),
        _use_case(ShowPatient, show_patient),
        _use_case(ListRequests, list_requests),
        _use_case(ShowRequest, show_request),
        _use_case(ListAttempts, list_attempts),
        _use_case(ListJourneys, list_journeys),
        _use_case(FindConcerned, find_concerned),
        _use_case(PrepareReleases, prepare_releases),
        _use_case(ListPermissions, list_permissions),
        _use_case(ShowSession, show_session),
        _use_case(ListMessages, show_messages),
        _use_case(ListLooks, _looks_again),
        _use_case(ActOn, _acted_again),
    )
)
"""Use cases that give the same answer from the same events at the same time; lists of journeys only for a past
moment."""


NEVER: Mapping[type[Query], str] = {
    OpenInEmergency: "nothing is shown by it",
    LookAfter: "how the service stood is not kept",
    ShowServiceLevels: "figures over all journeys of then are not kept",
    DecodePayloads: "what Temporal had is kept there, and only as long as Temporal keeps it",
}
"""The questions whose answers cannot be shown again, and why."""
OTHERWISE = ("contact-point", "access")
"""How actions begin by which somebody sees something else than the journey: how people are reached, or a past look."""


class ListedLooks(NamedTuple):
    """Looks, the latest first. ``not_readable`` are those, by their ids, that are not shown because a journey of the
    person's clinics that they were at cannot be read now: its key is away. ``next`` is where the next page goes on,
    also where none of this one is shown; None where there is none."""

    entries: tuple[AccessLogEntry, ...]
    next: UUID | None
    not_readable: tuple[UUID, ...] = ()


class PastLook(NamedTuple):
    """A look and what it showed: the answer of its use case."""

    entry: AccessLogEntry
    answer: object


async def list_looks(context: Context, query: ListLooks) -> ListedLooks:
    """List who looked at what the person may look at themselves, the latest first.

    Raises:
        NotFound, NotAllowed: there is no such journey, or the person may not look at it.
    """
    record = await context.record()
    patients = record.patients
    found = await _looks(record, query)
    if query.by is not None and not found:
        # Nobody of staff: perhaps a patient or an observer, whose id is in no log.
        query = query.model_copy(update={"by": patients.of_reader(query.by).hex()})
        found = await _looks(record, query)
    more = found[-1].entry_id if len(found) == query.limit else None
    if query.journey_id is not None:
        journey = (await read_so_far(context, query, query.journey_id)).journey
        return ListedLooks(name_readers(found, patients, () if journey is None else (journey,)), more)
    asked = dict.fromkeys(each for entry in found for each in entry.journeys)
    journeys = await read_journeys(context, query, asked)
    theirs, near = {journey.id for journey in journeys}, _near(context, patients)
    shown = [each for each in found if (theirs.issuperset(each.journeys) if each.journeys else each.reader_id in near)]
    # Which clinic a journey is of is listed in clear.
    unread = CaseloadFilter(among=tuple(each for each in asked if each not in theirs), clinics=context.person.clinics)
    away = (
        {case.journey_id for case in (await caseload(record, unread, limit=len(asked))).rows} if unread.among else set()
    )
    left = (each for each in found if not away.isdisjoint(each.journeys) and (theirs | away).issuperset(each.journeys))
    return ListedLooks(name_readers(shown, patients, journeys), more, tuple(each.entry_id for each in left))


def _near(context: Context, patients: PatientKeys) -> frozenset[str]:
    """Return whose looks at no journey a person may see: their own, and as staff those of the staff of their clinics.
    What somebody asked for says something, too."""
    own = frozenset({reader_id(context, patients)})
    if context.person.role not in STAFF_ROLES:
        return own
    try:
        staff = verified_register(context).staff
    except (InvalidInput, NotVerified):
        return own
    clinics = {*context.person.clinics}
    return own.union(each.member.id for each in staff if not clinics.isdisjoint(each.member.clinics))


async def _looks(record: Record, query: ListLooks) -> tuple[AccessLogEntry, ...]:
    return await list_access(
        record, journey_id=query.journey_id, reader_id=query.by, before=query.before, limit=query.limit
    )


def can_be_shown(entry: AccessLogEntry) -> bool:
    """Whether what somebody saw can be shown again: how people are reached cannot, and nothing was shown to whom it was
    refused. Of a form it is how the journey stood."""
    name, *kept = entry.command
    if name == ActOn.name:
        return entry.shown and ActOn.model_validate_json(kept[0]).action.split(" ")[0] not in OTHERWISE
    return entry.shown and name in {*USE_CASES, ListWork.name, ListQueue.name}


async def show_again(context: Context, entry_id: UUID) -> PastLook:
    """Record the new look, and return what somebody saw at an earlier one.

    Raises:
        NotFound: there is no look with this id that showed anything.
        NotAllowed: the person may not look at it.
        Conflict: it was a list of an earlier version of this program.
    """
    entry = await find_access(await context.record(), entry_id)
    if entry is None or not can_be_shown(entry):
        raise NotFound("there is no reading of this id that showed a journey", "See `access list`")
    query = ActOn(action=f"access show {entry_id}", journey_id=entry.journeys[0]) if entry.journeys else None
    if query is None and entry.reader_id not in _near(context, (await context.record()).patients):
        raise NotAllowed("this list was of somebody of other clinics", "Somebody of those may look")
    if query is not None and len(entry.journeys) == 1:
        journey = (await read_so_far(context, query, entry.journeys[0])).journey
        [entry] = name_readers([entry], (await context.record()).patients, () if journey is None else (journey,))
    elif query is not None and len(await read_journeys(context, query, entry.journeys)) < len(entry.journeys):
        raise NotAllowed(
            "this list is not of your clinics alone, or a journey of it cannot be read now",
            "Somebody of all of them may look; if all are yours, try again later",
        )
    name, kept = entry.command
    past = context.as_it_was(entry)
    if name == ListWork.name:
        return PastLook(entry, await _work_then(past, entry))
    if name == ListQueue.name:
        return PastLook(entry, await _queue_then(past, entry))
    if name in (FindConcerned.name, ListPermissions.name):
        return PastLook(entry, await _cases_then(past, entry))
    if name == ListJourneys.name and ListJourneys.model_validate_json(kept).at is None:
        return PastLook(entry, await _cases_then(past, entry))
    return PastLook(entry, await USE_CASES[name](past, kept))


async def _work_then(context: Context, entry: AccessLogEntry) -> WorkPage:
    """Return a page of the worklist as it was. Claims of that time are no longer known. Its rows were kept: what was
    due today, where they looked from, is not asked again."""
    unknown = {"claimed_by": None, "claimed_at": None}
    tasks = [Task.model_validate({**shown, **unknown}) for shown in await _obligations_then(context, entry)]
    answer = ListPage(position=entry.position, definition=entry.definition or 0, rows=tuple(tasks))
    return WorkPage(answer, TrueUpTo(entry.position, entry.position, 0), entry.clock)


async def _queue_then(context: Context, entry: AccessLogEntry) -> QueuePage:
    """Return a page of what waited for a signature as it was."""
    asked = [SignOffRequest.model_validate(shown) for shown in await _obligations_then(context, entry)]
    answer = ListPage(position=entry.position, definition=entry.definition or 0, rows=tuple(asked))
    return QueuePage(answer, TrueUpTo(entry.position, entry.position, 0), entry.clock)


async def _obligations_then(context: Context, entry: AccessLogEntry) -> list[dict[str, Any]]:
    """Return the rows of a list of obligations as they were."""
    states = await _states(context, entry)
    known = {journey_id: rows(state) for journey_id, state in states.items()}
    found = []
    for name in entry.rows:
        journey, version, obligation = name.split("/", 2)
        journey_id = UUID(journey)
        shown = known[journey_id][(ObligationRow, journey_id, int(version), obligation)]
        found.append({**shown._asdict(), "version": states[journey_id].journey.version, "stale": None})
    return found


async def _cases_then(context: Context, entry: AccessLogEntry) -> CasePage:
    """Return a page of the caseload as it was."""
    states = await _states(context, entry)
    cases = []
    for journey_id in entry.journeys:
        case: Any = rows(states[journey_id])[(CaseRow, journey_id)]
        first = next(iter(obligations(states[journey_id].journey)), None)
        awaits, awaited = (None, None) if first is None else (first.owner, first.what)
        cases.append(Case.model_validate({**case._asdict(), "awaits": awaits, "awaited": awaited, "stale": None}))
    answer = ListPage(position=entry.position, definition=entry.definition or 0, rows=tuple(cases))
    return CasePage(answer, TrueUpTo(entry.position, entry.position, 0), entry.clock)


async def _states(context: Context, entry: AccessLogEntry) -> dict[UUID, ProjectionState]:
    """Fold the journeys of a list again, up to where it was true."""
    if entry.definition != DEFINITION:
        raise Conflict(
            "this list was of an earlier version of this program, which alone can show it again",
            f"See how each journey stood: `pathway list --at {entry.position}`, `pathway show --at`",
        )
    record = await context.record()
    states: dict[UUID, ProjectionState] = {}
    for journey_id in dict.fromkeys(entry.journeys):
        state: ProjectionState | None = None
        for stored in await record.load(journey_id):
            if stored.position <= entry.position:
                state = apply(state, from_stored(stored), stored.position, stored.recorded_at)
        assert state is not None
        states[journey_id] = state
    return states
