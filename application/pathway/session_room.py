"""One session, for those who are in it: what was checked, what is to be taken, what is observed and when.

Staff who may look at the journey see it, and the observer whom its checklist names until it is over, who sees nothing
else of it.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import ClassVar, Literal, NamedTuple, TypeAlias
from uuid import UUID

from application.context import Context
from application.errors import NotAllowed, NotFound
from application.reading.access_log import Query, has_broken_glass, is_theirs, may_see
from application.reading.history import load_journey, read_journey
from application.sign_offs.session_releases import find_unproven
from workflows.journey.aggregate import Journey
from workflows.journey.always.care_team.rules import list_sessions_observed, people_of
from workflows.journey.setting import setting_of
from workflows.journey.stages.sessions.dose_gate import dose_gate
from workflows.journey.stages.sessions.state import Observation, Session
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.clinical import AT_HOME

Moment: TypeAlias = Literal[
    "not planned", "to check", "checked", "released", "not proven", "stopped", "running", "ended"
]
Timeliness: TypeAlias = Literal["to come", "now", "late", "done", "missed"]
NOT_PROVEN = "what is recorded does not follow from what people sent and signed, or that cannot be shown now: call ops"


class ShowSession(Query):
    """What is checked, taken and observed in a session; without ``session``, in the one at hand."""

    name: ClassVar[str] = "session show"

    journey_id: UUID
    session: int | None = None


class Scheduled(NamedTuple):
    """An observation that the protocol schedules, ``minute`` minutes after the dose, due at a moment (UTC): what was
    seen, or why nothing was. ``late``: its time is over, and nothing says so yet. ``vitals``: they are measured too."""

    minute: int
    due: datetime
    timeliness: Timeliness
    vitals: bool
    seen: tuple[Observation, ...]
    reason: str | None


class Room(NamedTuple):
    """A session at a moment (UTC). ``items`` are what its checklist asks, and ``obstacles`` what keeps it from release.
    ``whole``: these obstacles and the answers to the checklist are shown too."""

    journey: Journey
    at: datetime
    number: int
    session: Session | None
    moment: Moment
    whole: bool
    items: tuple[str, ...]
    scheduled: tuple[Scheduled, ...]
    obstacles: tuple[str, ...]

    @property
    def next(self) -> Scheduled | None:
        """Return the observation to make now, or else the next one to come."""
        open_now = [each for each in self.scheduled if each.timeliness in ("now", "to come")]
        return open_now[0] if open_now else None

    @property
    def minute(self) -> int:
        """Return the minute of an observation that is made now."""
        if self.session is None or self.session.dosed_at is None:
            return 0
        passed = max(int((self.at - self.session.dosed_at) / timedelta(minutes=1)), 0)
        due = [each.minute for each in self.scheduled if each.timeliness == "now" and each.minute <= passed]
        return due[0] if due else passed

    def is_run_by(self, person: str) -> bool:
        """Whether the session runs, and somebody is named for it."""
        named = () if self.session is None else (each for _, each in people_of(self.session))
        return self.moment == "running" and person in named

    @property
    def others(self) -> tuple[Observation, ...]:
        """Return the observations that make no scheduled one."""
        return () if self.session is None else tuple(each for each in self.session.observations if not each.scheduled)


class Since(NamedTuple):
    """What became of a session since its room was shown: whether anything was recorded of its journey, and whether it
    runs, and the person who asks is named for it."""

    newer: bool
    run_by_them: bool


async def show_session(context: Context, query: ShowSession) -> Room:
    """Show a session to whoever has a part in it. Its clearance and release are derived again from what people sent and
    signed.

    Raises:
        NotFound: there is no such journey, or no such session of it.
        NotAllowed: it is not theirs to look at.
    """
    history = await read_journey(context, query, query.journey_id, participants=True)
    number = _number_for(context, history.journey, query.session)
    room = room_of(history.journey, number, context.now(), whole=may_see(context, history.journey))
    if room.number not in await find_unproven(context, history.journey, history.stored):
        return room
    if room.moment == "released":
        return room._replace(moment="not proven")
    return room._replace(obstacles=(NOT_PROVEN, *room.obstacles))


async def recorded_since(context: Context, query: ShowSession, version: str) -> Since:
    """Say what became of a session since its journey had a version. Nothing of it is shown, so nothing is recorded as a
    look.

    Raises:
        NotFound: there is no such journey, or no such session of it.
        NotAllowed: it is not theirs to look at.
    """
    journey_id = query.journey_id
    journey = await load_journey(context, journey_id)
    if not (is_theirs(context, journey) or await has_broken_glass(context, journey_id)):
        raise NotAllowed("this journey is not yours to look at", "Load the page again: it says why")
    room = room_of(journey, _number_for(context, journey, query.session), context.now())
    return Since(newer=str(journey.version) != version, run_by_them=room.is_run_by(context.person.id))


def _number_for(context: Context, journey: Journey, number: int | None) -> int | None:
    """Return the session that is shown where somebody names this one, or none: observers see the one they stay for.

    Raises:
        NotAllowed: it is another one.
    """
    if context.as_seen is not None or context.person.role != Role.OBSERVER:
        return number
    observed = list_sessions_observed(journey, context.person.id)
    if number is not None and number not in observed:
        raise NotAllowed("this is not the session that you stay for", "Open the session from your own page")
    return observed[0] if number is None else number


def room_of(journey: Journey, number: int | None, at: datetime, *, whole: bool = True) -> Room:
    """Return a session of a journey at a moment (UTC); without a number, the one that is at hand.

    Raises:
        NotFound: there is no session of this number.
    """
    ended = len(journey.ended_sessions)
    at_hand = journey.next_session if journey.next_session in journey.sessions or not ended else ended
    number = at_hand if number is None else number
    session = journey.sessions.get(number)
    if session is None and number != at_hand:
        raise NotFound("there is no session of this number", "See the sessions on the patient's page")
    moment = _moment(session)
    return Room(
        journey,
        at,
        number,
        session,
        moment,
        whole,
        journey.protocol.sessions.checklist_in(setting_of(journey) or AT_HOME),
        tuple(_scheduled(journey, session, at)) if session is not None and session.dosed_at is not None else (),
        dose_gate(journey, number, at) if moment == "checked" and whole else (),
    )


def _moment(session: Session | None) -> Moment:
    match session:
        case None:
            return "not planned"
        case Session(ended_at=datetime()):
            return "ended"
        case Session(dosed_at=datetime()):
            return "running"
        case Session(stopped_at=datetime()):
            return "stopped"
        case Session(released_at=datetime()):
            return "released"
        case Session(check=None):
            return "to check"
    return "checked"


def _scheduled(journey: Journey, session: Session, at: datetime) -> Iterator[Scheduled]:
    rules = journey.protocol.sessions
    window = timedelta(minutes=rules.observe_window_minutes)
    for minute, due in zip(rules.observe_minutes, session.observe_at, strict=False):
        seen = tuple(each for each in session.observations if each.scheduled == minute)
        if seen or minute in session.missed:
            timeliness: Timeliness = "done" if seen else "missed"
        else:
            timeliness = "to come" if at < due - window else "now" if at <= due + window else "late"
        yield Scheduled(minute, due, timeliness, minute in rules.vitals_minutes, seen, session.missed.get(minute))
