"""Which events send a message to somebody, and to whom. A notice names a task, and nothing medical."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from uuid import UUID

from workflows.journey import events as e
from workflows.journey.aggregate import Journey
from workflows.journey.always.death.rules import find_standing
from workflows.journey.protocol.escalation import Action
from workflows.journey.views.appointments import appointments
from workflows.journey.vocabulary.actors import CLINICAL, Role
from workflows.journey.vocabulary.base import Identifier, ImmutableModel

APPOINTMENT = "appointment"
"""The kind of the notice that an appointment was given, moved or cancelled."""
CANCELLED = "session_cancelled"
"""The kind of the notice to who would have watched over a session that it does not take place."""

ASKS = (Action.ASK, Action.REMIND)
"""What tells people of a task of theirs, and of nothing else."""


class Notice(ImmutableModel):
    """A message to a person or a role. ``alarm`` ones leave at once, before their event is recorded: decided anew in
    another state, an event may tell something else under the same id. So all that it says makes a notice what it is."""

    journey_id: UUID
    event_id: UUID
    kind: Identifier
    to: Role
    about: Identifier | None = None
    alarm: bool = False


def notices(event: e.Event) -> tuple[Notice, ...]:
    """The notices of one event, the same however often they are sent."""
    return tuple(
        Notice(journey_id=event.journey_id, event_id=event.event_id, kind=kind, to=to, about=about, alarm=alarm)
        for kind, to, about, alarm in dict.fromkeys(_told(event))
    )


def is_open(notice: Notice, events: Sequence[e.Event], journey: Journey, at: datetime) -> bool | None:
    """Whether what a notice of these events of a journey tells of is still to be done, or lies ahead at a moment (UTC);
    None where nothing that is recorded says so. What people are to know, such as that the pathway ends, stays open.
    Of what was to be done in the place of what nobody did, others may have to hear afterwards, too. Who died is told
    nothing."""
    event = next((each for each in events if each.event_id == notice.event_id), None)
    if event is None or event.version > journey.version:
        return None
    if notice.to == Role.PATIENT and find_standing(journey) is not None:
        return False if journey.died else None
    if notice.kind in (APPOINTMENT, CANCELLED):
        return _is_ahead(event, events, at)
    match event.body:
        case e.ObligationEscalated() as body:
            return body.obligation in journey.waiting or (False if body.action in ASKS else None)
        case e.ObligationsUpdated() as body:
            return any(each.id in journey.waiting for each in body.opened if notice.about in (each.id, each.subject))
        case e.HoldPlaced() as body if (hold := journey.holds.get(body.hold)) is not None:
            return not hold.released
        case e.SessionReleased() as body:
            session = journey.sessions.get(body.session)
            if session is None or session.released_at != event.at:
                return False
            return session.stopped_at is None and session.dosed_at is None and session.ended_at is None
        case e.PathwayEnding():
            return journey.closed or journey.closing is not None
        case e.PatientUnmerged() | e.HistoryTakenIn():
            return True
    return None


def _is_ahead(event: e.Event, events: Sequence[e.Event], at: datetime) -> bool:
    """Whether an appointment that an event gives or cancels lies ahead, and no later event says anything else of it."""
    starts: dict[str, datetime] = {}
    settled: list[str] = []
    for each in events:
        if each.version > event.version:
            settled += _named(each)
        else:
            starts |= {told.name: told.starts for told in appointments(each) if told.starts is not None}
    told_now = [name for name in _named(event) if name not in settled]
    return any(name in starts and starts[name] > at for name in told_now)


def _named(event: e.Event) -> list[str]:
    """The appointments that an event says something of, to whomever."""
    cancelled = [f"session-{event.body.session}"] if isinstance(event.body, e.SessionCancelled) else []
    return cancelled + [told.name for told in appointments(event)]


def _told(event: e.Event) -> Iterator[tuple[str, Role, str | None, bool]]:
    body = event.body
    told = appointments(event)
    if told:
        yield APPOINTMENT, Role.PATIENT, told[0].name, False
    match body:
        case e.ObligationEscalated():
            yield body.action.value, body.to, body.obligation, body.alarm
        case e.ObligationsUpdated():
            for opened in body.opened:
                # A request that is made again, after its evidence changed or a hold was released, sends no second
                # notice.
                if opened.since != event.at:
                    continue
                if opened.sign_off is not None:
                    yield "sign_off_requested", opened.owner, opened.id, False
                elif opened.kind == "access_review":
                    yield "glass_broken", opened.owner, opened.subject, False
        case e.HoldPlaced():
            yield "hold_placed", Role.COORDINATOR, body.hold, False
            yield "hold_placed", Role.CLINICIAN, body.hold, False
            if body.severe:
                yield "hold_placed", Role.ON_CALL_CLINICIAN, body.hold, True
        case e.CrisisOpened() if body.level == "high":
            yield "crisis_contacts", Role.PATIENT, body.crisis, True
            yield "crisis", Role.ON_CALL_CLINICIAN, body.crisis, True
        case e.PatientUnmerged() | e.HistoryTakenIn() if body.told:
            yield "patients_parted", Role.PATIENT, None, False
        case e.SessionStopped():
            for near in (Role.SESSION_MONITOR, Role.PATIENT, Role.ON_CALL_CLINICIAN):
                yield "session_stopped", near, f"session-{body.session}", True
        case e.SessionReleased():
            yield "session_released", Role.PATIENT, f"session-{body.session}", False
        case e.DeathReported():
            for clinical in CLINICAL:
                yield "death", clinical, body.death, True
        case e.SessionCancelled():
            yield CANCELLED, Role.SESSION_MONITOR, f"session-{body.session}", False
        case e.PathwayEnding():
            # Whoever ends it, and however early: where nothing is awaited any more, no list would show it to anybody.
            if body.outcome != "deceased":
                yield "pathway_ending", Role.PATIENT, None, False
            yield "pathway_ending", Role.COORDINATOR, None, False
            yield "pathway_ending", Role.CLINICIAN, None, False
