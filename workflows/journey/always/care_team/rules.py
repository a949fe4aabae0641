"""Who has a part in a journey.

Everybody is somebody: the patient is who the referral names, an observer is whom a checklist named last, and staff are
those of the journey's clinic. Nobody else changes care: they may place a hold, report harm, ask for help, and look in
an emergency; what they send is marked. The patient is nobody else of their own journey. An observer is shown the
session that they stay for, and nothing once it is over.

Whoever is named is known, and fit for that part (`fitness`).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.aggregate import Decisions, Journey
from workflows.journey.always.care_team.model import with_members
from workflows.journey.authorization import authors
from workflows.journey.entries import find
from workflows.journey.envelopes import CommandBody
from workflows.journey.evidence import first_approval
from workflows.journey.protocol import CLINICIANS, HOUSEHOLD, Part
from workflows.journey.recall import recalled
from workflows.journey.requirements import Obligation
from workflows.journey.stages.sessions.state import Session
from workflows.journey.vocabulary.actors import Actor, CareTeamMember, Role
from workflows.journey.vocabulary.refusals import RefusalCode, refuse

Entry = TypeVar("Entry")
Named = tuple[Part, str, str]
"""A part, who is given it, and the field of the command that names them."""
WHAT_ANYBODY_MAY = (
    "You may hold care, ask for help and report harm: say what you saw or measured in your own words (`report keep`); "
    "whoever is responsible for the patient does the rest"
)
"""What somebody is told who has no part in a journey."""


def has_part(journey: Journey, actor: Actor) -> bool:
    """Whether somebody has a part in this journey, in the role in which they act."""
    match actor.role:
        case Role.PATIENT:
            return actor.id == journey.patient.ref
        case Role.OBSERVER:
            return not journey.is_patient(actor.id, actor.licence) and actor.id == journey.last_observer
        case Role.SYSTEM:
            return True
        case _:
            return not journey.is_patient(actor.id, actor.licence) and journey.clinic in actor.clinics


def is_shown_a_part(journey: Journey, actor: Actor) -> bool:
    """Whether somebody is shown something of the journey because of their part in it: a patient always, an observer as
    long as a session is not over that they stay for."""
    if actor.role == Role.OBSERVER:
        return bool(list_sessions_observed(journey, actor.id))
    return has_part(journey, actor)


def list_sessions_observed(journey: Journey, person: str) -> tuple[int, ...]:
    """Return the sessions that are not over and for which somebody stays with the patient, as their checklist says."""
    return tuple(n for n in _list_sessions_named(journey, person) if journey.sessions[n].ended_at is None)


def _list_sessions_named(journey: Journey, person: str) -> tuple[int, ...]:
    """Return the sessions whose checklist names somebody as the adult who stays, also those that are over."""
    if journey.is_patient(person):
        return ()
    return tuple(each.number for each in journey.sessions.values() if (Part.OBSERVER, person) in people_of(each))


def list_observers(journey: Journey) -> tuple[str, ...]:
    """Return whom staff ever named as the adult who stays with the patient, also for a session that was cancelled."""
    everybody = (each for session in journey.sessions.values() for each in people_of(session))
    return tuple(dict.fromkeys((*journey.former_observers, *(ref for part, ref in everybody if part == Part.OBSERVER))))


def require_part(journey: Journey, body: CommandBody, actor: Actor) -> None:
    """Refuse a command of somebody who has no part in this journey, unless anybody may send it. What an observer tells
    of a session is of one that they stayed for, also once it is over. What they tell of no session counts until
    somebody else is named: the dose of a session that was cancelled may have been taken, and they may be there.

    Raises:
        RefusalRaised: they have none.
    """
    if body.by_anybody:
        return
    of_session = getattr(body, "session", None) if actor.role == Role.OBSERVER else None
    stayed_for = () if of_session is None else _list_sessions_named(journey, actor.id)
    if not (has_part(journey, actor) or stayed_for):
        refuse(RefusalCode.NOT_ALLOWED, "you have no part in this journey", WHAT_ANYBODY_MAY)
    if of_session is not None and of_session not in stayed_for:
        refuse(RefusalCode.NOT_ALLOWED, "this is not a session that you stay for", WHAT_ANYBODY_MAY, "session")


def list_clinicians(journey: Journey) -> tuple[str, ...]:
    """Return everybody who has, or had, a clinical part in a journey: its clinician and who stands in, who evaluated,
    planned, signed or lent the right to, and the clinicians of each session."""
    covered, evaluated = journey.covered, journey.evaluation
    named = (
        journey.clinician,
        *(() if covered is None else (covered.clinician, *(each.by for each in covered.stand_ins))),
        *(() if evaluated.evaluator is None else (evaluated.evaluator,)),
        *evaluated.authors,
        *(() if journey.plan_author is None else (journey.plan_author,)),
        *(signed.by for signed in journey.sign_offs),
        *(given.by for given in journey.delegations.values()),
        *(given.to for given in journey.delegations.values()),
        *(who for each in journey.sessions.values() for part, who in people_of(each) if part in CLINICIANS),
    )
    return tuple(dict.fromkeys(named))


def named_in(body: CommandBody) -> Iterator[Named]:
    """Yield whom a command names, for which part."""
    match body:
        case c.StartPathway():
            yield Part.COORDINATOR, body.coordinator, "coordinator"
            yield Part.CLINICIAN, body.clinician, "clinician"
        case c.Reassign():
            yield Part(body.duty), body.to, "to"
        case c.Cover():
            yield Part.COVERING_CLINICIAN, body.by, "by"
        case c.Delegate():
            yield Part.DELEGATE, body.to, "to"
        case c.ScheduleSession():
            yield Part.SUPERVISING_CLINICIAN, body.supervising_clinician, "supervising_clinician"
            yield Part.SESSION_MONITOR, body.session_monitor, "session_monitor"
            if body.live_clinician is not None:
                yield Part.LIVE_CLINICIAN, body.live_clinician, "live_clinician"
        case c.CheckSession():
            if body.observer is not None:
                yield Part.OBSERVER, body.observer.ref, "observer.ref"
            yield Part.REACHABLE_CLINICIAN, body.reachable_clinician, "reachable_clinician"
        case c.Amend():
            yield from ((part, person, f"correction.{field}") for part, person, field in named_in(body.correction))
        case _:
            return


def people_of(session: Session) -> Iterator[tuple[Part, str]]:
    """Yield the people of a session, as far as they are named."""
    yield Part.SUPERVISING_CLINICIAN, session.supervising_clinician
    yield Part.SESSION_MONITOR, session.session_monitor
    if session.live_clinician is not None:
        yield Part.LIVE_CLINICIAN, session.live_clinician
    if session.check is not None:
        if session.check.observer is not None:
            yield Part.OBSERVER, session.check.observer.ref
        yield Part.REACHABLE_CLINICIAN, session.check.reachable_clinician


def list_people_to_look_up(journey: Journey | None, body: CommandBody) -> tuple[str, ...]:
    """Return the people whom the register is asked about before a command is decided: whom it names, and whom it rests
    on, so that nobody is their own second person under another id."""
    named = [person for _, person, _ in named_in(body)]
    if isinstance(body, c.ProposeHandover) and body.receiver.person is not None:
        named.append(body.receiver.person)
    if journey is not None and type(body) in _OTHERS:
        named += _OTHERS[type(body)](journey, body)
    return tuple(dict.fromkeys(named))


def _people_released(journey: Journey, body: c.ReleaseSession) -> Iterator[str]:
    """Everybody of the session."""
    if body.session in journey.sessions:
        yield from (person for _, person in people_of(journey.sessions[body.session]))


def _before_signer(journey: Journey, body: c.Sign) -> Iterator[str]:
    """Who signed first, where two do, and who lent them the right; who wrote what is decided on, where they may not
    decide on it; and who agreed to take over."""
    asked = journey.waiting.get(body.request)
    if asked is None or asked.sign_off is None:
        return
    if journey.handover is not None and journey.handover.receiver.person is not None:
        yield journey.handover.receiver.person
    first = first_approval(journey, asked.sign_off, asked.subject)
    if first is not None:
        yield first.by
        yield from (given.by for given in journey.delegations.values() if given.to == first.by)
    if journey.protocol.sign_offs[asked.sign_off].not_author:
        yield from authors(journey, asked.sign_off, asked.subject)


_OTHERS: Mapping[type[CommandBody], Callable[[Journey, Any], Iterable[str]]] = {
    c.RecordPlan: lambda journey, _: () if journey.weighed_by is None else (journey.weighed_by,),
    c.ReleaseSession: _people_released,
    c.Sign: _before_signer,
    c.ConfirmCorrection: lambda journey, body: [made.by for made in _find(journey.corrections, body.correction)],
    c.WitnessConsent: lambda journey, body: [paper.entered_by for paper in _find(journey.papers, body.paper)],
    c.WitnessDisposal: lambda journey, body: [made.by for made in _find(journey.disposals, body.disposal)],
    c.ReviewAccess: lambda journey, body: [access.by for access in _find(journey.accesses, body.access)],
    c.AnswerSupport: lambda journey, body: [
        asked.not_by for asked in _find(journey.support, body.support) if asked.not_by is not None
    ],
    c.CountSupply: lambda journey, _: journey.release_cancelled_by,
}
"""On whom each of these commands rests whom it does not name."""
RESTING_ON_OTHERS = tuple(_OTHERS)
"""Commands that rest on people whom they do not name: only the journey says who."""


def _find(entries: Mapping[Any, Entry], name: object) -> tuple[Entry, ...]:
    """Return the entry of this name; nothing where there is none."""
    return (entries[name],) if name in entries else ()


def list_claims(journey: Journey, command: c.Command) -> tuple[CareTeamMember, ...]:
    """Return what a command claims that the register says: of whom it names, and of others it rests on as last looked
    up."""
    ids, asked = [member.id for member in command.named], list_people_to_look_up(journey, command.body)
    return (*command.named, *(m for m in journey.members if m.id in asked and m.id not in ids))


def add_named(journey: Journey, command: c.Command) -> tuple[Journey, tuple[e.EventBody, ...]]:
    """Return the journey that knows what the register says of whom a command names, and the event that says so, if
    that is new. What anybody may send brings no such news."""
    news = tuple(member for member in command.named if member not in journey.members)
    if command.body.by_anybody or not news:
        return journey, ()
    ids = [member.id for member in news]
    found = tuple(member for member in command.named if member.id in ids)
    known = journey.model_copy(update={"members": with_members(journey.members, found)})
    return known, (e.CareTeamUpdated(members=found),)


@recalled
def list_duties(journey: Journey) -> tuple[tuple[str, Role], ...]:
    """Return whose tasks a journey has, and of which role: of its coordinator, its clinician and who stands in, its
    evaluator, the people of sessions to come, and of everybody of whom something is awaited."""
    absent = None if journey.covered is None else journey.covered.clinician
    duties = [
        (journey.coordinator, Role.COORDINATOR),
        *((each, Role.CLINICIAN) for each in (journey.clinician, absent, journey.evaluation.evaluator) if each),
        *(duty for s in journey.sessions.values() if s.ended_at is None for _, duty in _duties_in(s)),
        *_list_awaited(journey),
    ]
    return tuple(dict.fromkeys(duties))


@recalled
def _list_awaited(journey: Journey) -> tuple[tuple[str, Role], ...]:
    """Return of whom something is awaited: it changes less often than what is awaited."""
    return tuple(dict.fromkeys(find(journey.waiting, _of_whom)))


def _duties_in(session: Session) -> Iterator[tuple[Part, tuple[str, Role]]]:
    """The parts of a session that staff have, each with the duty that goes with it."""
    for part, person in people_of(session):
        if part not in HOUSEHOLD:
            yield part, (person, Role.SESSION_MONITOR if part == Part.SESSION_MONITOR else Role.CLINICIAN)


def list_left(journey: Journey, session: Session) -> tuple[Part, ...]:
    """Return the parts of a session whose people may not do it any more, as far as the register has said by now."""
    return tuple(part for part, duty in _duties_in(session) if journey.has_left(*duty))


def _clinical_parts(journey: Journey, person: str) -> tuple[Part, ...]:
    """The parts with a licence that somebody has in sessions that have not ended."""
    to_come = (session for session in journey.sessions.values() if session.ended_at is None)
    parts = (part for session in to_come for part, who in people_of(session) if who == person)
    return tuple(part for part in parts if part in CLINICIANS)


def _of_whom(waiting: Mapping[str, Obligation]) -> tuple[tuple[str, Role], ...]:
    return tuple((each.person, each.owner) for each in waiting.values() if each.person is not None)


def roles_for(journey: Journey, person: str, owner: Role) -> tuple[Role, ...]:
    """Return the roles of which somebody needs one to have the tasks of a role here."""
    fit = journey.protocol.care_team.roles
    if owner == Role.COORDINATOR:
        return fit[Part.COORDINATOR]
    if owner == Role.SESSION_MONITOR:
        return fit[Part.SESSION_MONITOR]
    if person == journey.clinician and journey.covered is not None:
        return fit[Part.COVERING_CLINICIAN]
    if person == journey.clinician or (journey.covered is not None and person == journey.covered.clinician):
        return fit[Part.CLINICIAN]
    if clinical := _clinical_parts(journey, person):
        return tuple(role for role in Role if all(role in fit[part] for part in clinical))
    # Everybody else answers what was asked about something that they wrote.
    return fit[Part.EVALUATOR] if person == journey.evaluation.evaluator else c.AnswerReturned.roles


class _Duty(NamedTuple):
    """Whose tasks of a role are here, the roles of which they need one, and the ``entries`` of the register that permit
    it, when they are valid. None where this journey knows nothing of them."""

    person: str
    owner: Role
    roles: tuple[Role, ...]
    entries: tuple[CareTeamMember, ...] | None


@recalled
def _list_duties_here(journey: Journey) -> tuple[_Duty, ...]:
    """Return the duties of who has not left."""
    return tuple(_duty(journey, *duty) for duty in list_duties(journey) if not journey.has_left(*duty))


def _duty(journey: Journey, person: str, owner: Role) -> _Duty:
    if journey.is_patient(person):
        return _Duty(person, owner, (), ())
    roles = roles_for(journey, person, owner)
    known = any(member.id == person for member in journey.members)
    entries = _entries(journey, person, roles)
    if owner == Role.CLINICIAN and _clinical_parts(journey, person):
        entries = tuple(_licensed(journey, entries))
    return _Duty(person, owner, roles, entries if known else None)


def _licensed(journey: Journey, entries: Iterable[CareTeamMember]) -> Iterator[CareTeamMember]:
    """The entries with a licence where the patient is, each until that ends: a session needs both."""
    state = journey.patient.state
    for entry in entries:
        if entry.licence is not None and state in entry.licence.states:
            ends = entry.licence.ends(state)
            yield entry.model_copy(update={"until": ends if entry.until is None else min(ends, entry.until)})


def take_in_staff(journey: Journey, command: c.TakeInStaff, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    """Take in what the register says of whose tasks are here, if it is not what this journey knows."""
    news = tuple(dict.fromkeys(m.id for m in command.members if m not in journey.members))
    found = tuple(member for member in command.members if member.id in news)
    if found:
        yield e.CareTeamUpdated(members=found)


def advance(journey: Journey, at: datetime) -> Iterator[e.EventBody]:
    """Let the tasks of whoever may not have them any more go to their role, or back to whom they stood in for, and back
    to whose entry in the register begins: at once, and not when somebody notices that nothing is done."""
    for duty in _list_duties_here(journey):
        if duty.entries is not None and not any(entry.works_at(journey.clinic, at) for entry in duty.entries):
            yield e.CareTeamLeft(person=duty.person, owner=duty.owner, roles=duty.roles)
    if journey.covered is not None and journey.has_left(journey.clinician, Role.CLINICIAN):
        yield e.CoverEnded()
    changes = next_staff_change(journey)
    if changes is not None and changes <= at:
        yield e.CareTeamUpdated(members=())  # The register is not asked: what it said begins or ends.


@recalled
def next_staff_change(journey: Journey) -> datetime | None:
    """Return the earliest moment (UTC) at which tasks here are to go to a role, or back to somebody, as far as this
    journey knows since it last looked at the entries of the register."""
    looked_at = journey.looked_at
    if looked_at is None:
        return None
    ends = (_leaves_at(journey, duty, looked_at) for duty in _list_duties_here(journey))
    begins = (m.since for left in journey.left for m in _entries(journey, left.person, left.roles))
    return min(
        (*(end for end in ends if end is not None), *(since for since in begins if since > looked_at)), default=None
    )


def _entries(journey: Journey, person: str, roles: tuple[Role, ...]) -> tuple[CareTeamMember, ...]:
    return tuple(m for m in journey.members if m.id == person and m.role in roles and journey.clinic in m.clinics)


def _leaves_at(journey: Journey, duty: _Duty, looked_at: datetime) -> datetime | None:
    """Return the end (UTC) of the entries that permit tasks, of which each begins before the last one has ended."""
    if journey.is_patient(duty.person):
        return journey.started_at
    if duty.entries is None:
        return None
    ends, entries = looked_at, duty.entries
    while now := [m.until for m in entries if m.since <= ends and (m.until is None or ends < m.until)]:
        if None in now:
            return None
        ends = max(until for until in now if until is not None)
    return ends


DECISIONS: Decisions = {c.TakeInStaff: take_in_staff}
