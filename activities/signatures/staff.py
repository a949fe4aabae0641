"""Says whether somebody is of the staff, and who is on call, by the register. No I/O; raises nothing.

Everybody is somebody: who sends a command as staff has an entry that says so at that time, with the role and the
licence they act under; and so has everybody whom a command names.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

from activities.signatures.signer_registry import Register, Shift
from workflows.journey import events as e
from workflows.journey.aggregate import Journey
from workflows.journey.always.care_team.model import is_fit
from workflows.journey.always.care_team.rules import list_duties, roles_for
from workflows.journey.commands import Command
from workflows.journey.vocabulary.actors import CLINICAL, STAFF_ROLES, Actor, CareTeamMember, Role
from workflows.journey.vocabulary.refusals import Refusal, RefusalCode

HOLDERS = {
    Role.COORDINATOR: (Role.COORDINATOR,),
    Role.CLINICIAN: (Role.CLINICIAN, Role.MEDICAL_DIRECTOR),
    Role.SESSION_MONITOR: (Role.SESSION_MONITOR, *CLINICAL),
}
"""Whose tasks somebody may have in which roles, to find the journeys that are to look again. What each of them then
does, its own protocol says."""
AHEAD = timedelta(days=7)
"""How far ahead the rota must be without a gap."""
ANYBODYS = (
    e.HoldPlaced, e.AdverseEventReported, e.SupportRequested, e.DoseRecorded, e.DeathReported, e.GlassBroken,
    e.DeathDoubted, e.CrisisOpened, e.StrangerHeard, e.CommandRefused, e.ReportKept, e.ReportRepeated,
)  # fmt: skip
"""Events that the command of somebody may bring about whom nobody knows."""


def members(register: Register, people: Iterable[str]) -> tuple[CareTeamMember, ...]:
    """Return what the register says of these people."""
    wanted = [*people]
    return tuple(entry.member for entry in register.staff if entry.member.id in wanted)


def staff_news(register: Register, journey: Journey, at: datetime) -> tuple[CareTeamMember, ...]:
    """Return the entries of those whose tasks a journey has, where they lost the role for them by a moment (UTC) or
    have it again, and the journey does not know it."""
    duties = {(person, owner): roles_for(journey, person, owner) for person, owner in list_duties(journey)}
    duties |= {(left.person, left.owner): left.roles for left in journey.left}
    news: list[CareTeamMember] = []
    for (person, owner), roles in duties.items():
        said = members(register, [person])
        changed = is_fit(said, person, roles, journey.clinic, at) == journey.has_left(person, owner)
        if said and changed and any(member not in journey.members for member in said):
            news += said
    return tuple(dict.fromkeys(news))


def departed(register: Register, at: datetime) -> frozenset[tuple[str, str, Role]]:
    """Return who has left a role at which clinic by a moment (UTC) and may not have the tasks of which role any more:
    their id, the clinic, and whose tasks. Whoever was entered again, or has them by another role, has not left."""
    everybody = [entry.member for entry in register.staff]
    ended = {(m.id, clinic) for m in everybody if m.until is not None and m.until <= at for clinic in m.clinics}
    may = {
        (m.id, clinic, owner)
        for m in everybody
        for clinic in m.clinics
        if m.works_at(clinic, at)
        for owner, roles in HOLDERS.items()
        if m.role in roles
    }
    return frozenset({(person, clinic, owner) for person, clinic in ended for owner in HOLDERS} - may)


def refuse_unknown(
    register: Register,
    clinic: str,
    command: Command,
    claimed: Sequence[CareTeamMember],
    at: datetime,
    rests_on: Sequence[str] = (),
) -> Refusal | None:
    """Say why a command in a journey of this clinic may not be decided at a moment (UTC): its sender, or somebody whom
    it ``rests_on``, is not in the register as is ``claimed``, or what the register says of them is left out. None when
    all are."""
    if not is_entered(register, command.actor, clinic, at):
        return Refusal(
            code=RefusalCode.NOT_ALLOWED,
            reason="the register has no entry at this time that says who you are: id, role, clinic and licence",
            remedy="Correct your profile, or have the register corrected",
            field="actor",
        )
    left_out = any(not any(_is_same_entry(m, each) for each in claimed) for m in members(register, rests_on))
    if left_out or not all(_is_said(register, member, at) for member in claimed):
        return Refusal(
            code=RefusalCode.STALE,
            reason="the register says something else of somebody who is named",
            remedy="Send the command again; if it is refused again, name somebody else",
            field="named",
        )
    return None


def is_entered(register: Register, actor: Actor, clinic: str, at: datetime) -> bool:
    """Whether somebody acts as the register says, for a clinic at a moment (UTC). The patient, an observer and the
    clock are no staff."""
    if actor.role not in STAFF_ROLES:
        return True
    return any(
        member.works_at(clinic, at) and member.role == actor.role and member.licence == actor.licence
        for member in members(register, [actor.id])
    )


def _is_said(register: Register, named: CareTeamMember, at: datetime) -> bool:
    """Whether the register says at a moment (UTC) what is claimed of somebody. An end that has not come may be new."""
    return any(
        _is_same_entry(member, named) and (member.until is None or at < member.until or member.until == named.until)
        for member in members(register, [named.id])
    )


def _is_same_entry(one: CareTeamMember, other: CareTeamMember) -> bool:
    """Whether two are one entry, whenever each says that it ends."""
    return one.model_copy(update={"until": None}) == other.model_copy(update={"until": None})


def claims_staff(event: e.Event) -> bool:
    """Whether an event rests on the register: staff did it, and not everybody may, or it says what the register
    says. What follows from another event by rule is done by nobody."""
    if isinstance(event.body, e.CareTeamUpdated):
        return True
    return event.actor_role in STAFF_ROLES and event.causation_id is None and not isinstance(event.body, ANYBODYS)


def unknown_actors(register: Register, clinic: str, events: Sequence[e.Event]) -> Iterator[str]:
    """Yield why events are not recorded: staff did them whom the register does not know for this clinic at that time,
    or they say of staff what it does not say."""
    for event in filter(claims_staff, events):
        if isinstance(event.body, e.CareTeamUpdated):
            if not all(_is_said(register, member, event.at) for member in event.body.members):
                yield f"version {event.version}: the register says something else of the staff who are named"
            continue
        known = members(register, [event.actor_id])
        if not any(m.works_at(clinic, event.at) and m.role == event.actor_role for m in known):
            yield f"version {event.version}: done by somebody who is not of the staff in this role"


def without_patient(register: Register, journey: Journey) -> Register:
    """Return the register without the patient of a journey: nobody is told of their own care as staff."""
    others = [entry for entry in register.staff if not journey.is_patient(entry.member.id, entry.member.licence)]
    return register.model_copy(update={"staff": tuple(others)})


class OnCall(NamedTuple):
    """Who is on call for a clinic at a moment, and who stands in. ``gap``: the rota has nobody who is there, and
    these are the medical directors in their place, or else all clinicians, or whoever else can be told."""

    people: tuple[str, ...]
    gap: bool = False


def on_call(register: Register, clinic: str, at: datetime) -> OnCall:
    """Return who is paged as the on-call clinician of a clinic at a moment (UTC): never nobody, as long as anybody
    works for the organisation. Whoever has left since the rota was written, or whose licence has ended, is left out
    while anybody else can be told."""
    if on_duty := _on_duty(register, register.rota, clinic, at):
        return OnCall(on_duty)
    here = _at_work_for(register, at, clinic)
    clinical = [member.id for member in here if _has_licence(member, at)]
    directors = [member.id for member in here if member.role == Role.MEDICAL_DIRECTOR and _has_licence(member, at)]
    return OnCall(tuple(dict.fromkeys(directors or clinical or _others(register, here, at))), gap=True)


def _others(register: Register, here: Sequence[CareTeamMember], at: datetime) -> Sequence[str]:
    """Return who is told where a clinic has nobody with a licence: who is on duty for another clinic, and the medical
    directors, or else its clinicians; then whoever is left ``here``; and in the end operations, or anybody."""
    everybody = _at_work_for(register, at)
    able = [member.id for member in everybody if _has_licence(member, at)]
    clinics = dict.fromkeys(shift.clinic for shift in register.rota)
    on_duty = [one for clinic in clinics for one in _on_duty(register, register.rota, clinic, at)]
    directors = [member.id for member in everybody if member.role == Role.MEDICAL_DIRECTOR and member.id in able]
    left = [member.id for member in here if member.licence is not None] or [member.id for member in here]
    told = [*(dict.fromkeys((*on_duty, *directors)) or able), *left]
    ops = [member.id for member in everybody if member.role == Role.OPS]
    return told or ops or [member.id for member in everybody]


def at_work(register: Register, clinic: str, role: Role, at: datetime) -> tuple[str, ...]:
    """Return who works for a clinic in a role at a moment (UTC), with a licence that counts where the role needs one.
    Where nobody does, who is told in their place: for operations those of another clinic, and else who is on call."""
    people = _in_role(_at_work_for(register, at, clinic), role, at)
    if not people and role == Role.OPS:
        people = _in_role(_at_work_for(register, at), role, at)
    return people or on_call(register, clinic, at).people


def _in_role(members: Iterable[CareTeamMember], role: Role, at: datetime) -> tuple[str, ...]:
    fit = (m for m in members if m.role == role and (role not in CLINICAL or _has_licence(m, at)))
    return tuple(dict.fromkeys(member.id for member in fit))


def _at_work_for(register: Register, at: datetime, clinic: str | None = None) -> list[CareTeamMember]:
    """The entries that count at a moment for a clinic, or for any."""
    entered = [entry.member for entry in register.staff]
    return [m for m in entered if any(m.works_at(each, at) for each in m.clinics if clinic in (None, each))]


def _has_licence(member: CareTeamMember, at: datetime) -> bool:
    return member.licence is not None and at < member.licence.ends()


def rota_gaps(
    register: Register, clinic: str, begins: datetime, ends: datetime
) -> tuple[tuple[datetime, datetime], ...]:
    """Return the times (UTC) between two moments in which nobody is on call by the rota, or nobody who is there."""
    shifts = [shift for shift in register.rota if shift.clinic == clinic]
    named = members(register, {person for shift in shifts for person in (shift.person, shift.stands_in)})
    changes = [member.since for member in named]
    changes += [member.until for member in named if member.until is not None]
    changes += [member.licence.ends() for member in named if member.licence is not None]
    moments = [begins, ends, *(each for shift in shifts for each in (shift.begins, shift.ends)), *changes]
    edges = sorted(dict.fromkeys(moment for moment in moments if begins <= moment <= ends))
    gaps: list[tuple[datetime, datetime]] = []
    for start, end in pairwise(edges):
        if _on_duty(register, shifts, clinic, start):
            continue
        if gaps and gaps[-1][1] == start:
            start = gaps.pop()[0]
        gaps.append((start, end))
    return tuple(gaps)


def _on_duty(register: Register, rota: Sequence[Shift], clinic: str, at: datetime) -> tuple[str, ...]:
    """Who is on call by the rota, and stands in, of those who work for the clinic then with a licence that counts: of
    several shifts at once, by the one that was entered last of those with anybody there."""
    for shift in reversed(rota):
        if shift.clinic == clinic and shift.begins <= at < shift.ends:
            on_shift = (shift.person, shift.stands_in)
            there = {m.id for m in members(register, on_shift) if m.works_at(clinic, at) and _has_licence(m, at)}
            if there:
                return tuple(person for person in on_shift if person in there)
    return ()
