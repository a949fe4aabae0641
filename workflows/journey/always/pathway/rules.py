"""Beginning, handing over and ending a pathway. Every ending is a named, ordinary outcome."""

from collections.abc import Iterator
from datetime import datetime
from typing import NoReturn

from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.aggregate import Decisions, Journey, Reactions
from workflows.journey.vocabulary.actors import Actor
from workflows.journey.vocabulary.calendars import age_on, holidays_known_at
from workflows.journey.vocabulary.clinical import STATE_ZONES, US_ZONES, is_zone_of
from workflows.journey.vocabulary.refusals import RefusalCode, refuse
from workflows.journey.vocabulary.stage import NOT_SAFE, Outcome


def start(command: c.StartPathway, by: Actor, at: datetime) -> e.PathwayStarted:
    """Return the opening event of a journey.

    Raises:
        RefusalRaised: wrong role, under age, the protocol is for another pathway, or not fit for patients or out
            of date and this is no demonstration.
    """
    protocol = command.protocol
    if by.role not in command.roles:
        refuse(RefusalCode.NOT_ALLOWED, "a pathway is started by a coordinator", "Act with a coordinator's profile")
    if command.clinic not in by.clinics:
        refuse(RefusalCode.NOT_ALLOWED, "you do not work for this clinic", "Have one of its coordinators start it")
    if by.id == command.patient.ref:
        refuse(RefusalCode.NOT_ALLOWED, "nobody starts a pathway for themselves", "Have a colleague start it")
    if protocol.pathway != command.pathway:
        refuse(
            RefusalCode.PROTOCOL,
            f"protocol {protocol.id} is for {protocol.pathway}, the referral for {command.pathway}",
            "Choose the protocol of this pathway",
            "pathway",
        )
    obstacles = protocol.obstacles()
    if obstacles and not command.demonstration:
        refuse(
            RefusalCode.PROTOCOL,
            f"protocol {protocol.id} version {protocol.version} may not carry patients: {'; '.join(obstacles)}",
            "Use a protocol the medical director has completed and signed, or demonstration mode without patients",
        )
    if not command.demonstration and not holidays_known_at(at, protocol.working_time):
        refuse(
            RefusalCode.PROTOCOL,
            f"protocol {protocol.id} version {protocol.version} lists holidays only until "
            f"{protocol.working_time.holidays_known_until}: deadlines in working time cannot be told",
            "Add the clinic's holidays to the protocol, and have the medical director approve it (`protocol approve`)",
        )
    patient = command.patient
    _require_zone(patient.zone, patient.state, at, "patient.zone", demonstration=command.demonstration)
    minimum = protocol.eligibility.min_age_years
    if age_on(command.patient.born, at, command.patient.zone) < minimum:
        refuse(
            RefusalCode.OUT_OF_LIMITS,
            f"the patient is under {minimum}",
            "Refer to a service for minors",
            "patient.born",
        )
    if command.patient.emergency_contact_ref == command.patient.ref:
        refuse(
            RefusalCode.CONTRADICTS,
            "the patient cannot be their own emergency contact",
            "Name somebody else",
            "patient.emergency_contact_ref",
        )
    if not command.demonstration:
        _require_approved(command)
    return e.PathwayStarted(
        **command.model_dump(exclude={"kind", "journey_id", "demonstration", "protocol", "patient"}),
        patient=command.patient,
        protocol=protocol,
        protocol_digest=protocol.digest,
    )


def _require_approved(command: c.StartPathway) -> None:
    """Require an approval of exactly this protocol for this clinic. Signatures are checked by who has the register."""
    protocol, approval = command.protocol, command.approval
    which = f"protocol {protocol.id} version {protocol.version}"
    if approval is None:
        refuse(
            RefusalCode.PROTOCOL, f"{which} is not signed", "Have the medical director approve it (`protocol approve`)"
        )
    if (approval.protocol, approval.version, approval.digest) != (protocol.id, protocol.version, protocol.digest):
        refuse(
            RefusalCode.PROTOCOL,
            f"{which} is not as it was signed",
            "Put the signed file back, or have the medical director approve the new one (`protocol approve`)",
        )
    if len(approval.approvals) < 2:
        refuse(
            RefusalCode.PROTOCOL,
            f"{which} lacks its second signature",
            "Have a second person sign (`protocol approve`)",
        )
    if command.clinic not in approval.clinics:
        refuse(
            RefusalCode.PROTOCOL,
            f"{which} is approved for {', '.join(approval.clinics)}, not for {command.clinic}",
            "Choose a protocol of this clinic (`protocol list`), or have its medical director approve this one",
            "clinic",
        )


def refuse_second_start(journey: Journey, command: c.StartPathway, by: Actor, at: datetime) -> NoReturn:
    """Refuse to start a journey twice.

    Raises:
        RefusalRaised: always.
    """
    refuse(RefusalCode.ALREADY_STARTED, "this journey has been started", "Work with it as it is; see `pathway show`")


def reassign(journey: Journey, command: c.Reassign, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    """Hand a duty over to somebody else."""
    yield e.PathwayReassigned(duty=command.duty, to=command.to, reason=command.reason)


def cover(journey: Journey, command: c.Cover, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    """Let somebody stand in for the journey's clinician until a time (UTC) in the future."""
    if command.until <= at:
        refuse(RefusalCode.WRONG_TIME, "this time has passed", "Say until when they stand in", "until")
    if command.by == journey.clinician and journey.covered is None:
        refuse(RefusalCode.ALREADY_DONE, "they are asked already", "Name who stands in", "by")
    yield e.PathwayCovered(by=command.by, until=command.until, reason=command.reason)


def advance(journey: Journey, at: datetime) -> Iterator[e.EventBody]:
    """End a cover when its time (UTC) has come."""
    if journey.covered is not None and journey.covered.until <= at:
        yield e.CoverEnded()


def _require_zone(zone: str, state: str, at: datetime, field: str, *, demonstration: bool) -> None:
    """Refuse a zone that is no zone of the state in which the patient lives: at which hour they are called, and whether
    a session is at night, would be judged by another clock. In a demonstration it may be one abroad, so that it can be
    played at any hour.

    Raises:
        RefusalRaised: it is none.
    """
    if not (is_zone_of(state, zone, at) or (demonstration and zone not in US_ZONES)):
        refuse(
            RefusalCode.CONTRADICTS,
            "this is no time zone of the state",
            f"Correct the zone or the state; there it is {' or '.join(STATE_ZONES[state])}",
            field,
        )


def move(journey: Journey, command: c.Move, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    """Record where the patient lives now. Due times that were given stay as they are."""
    _require_zone(command.zone, command.state, at, "zone", demonstration=journey.illustrative)
    left = None if command.state == journey.patient.state else journey.patient.state
    yield e.PatientMoved(zone=command.zone, state=command.state, left=left)


def withdraw(journey: Journey, command: c.Withdraw, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    """End the pathway because the patient wishes it. It needs no reason."""
    yield _ending(journey, Outcome.WITHDRAWN, command.reason or "no reason given")


def transfer(journey: Journey, command: c.Transfer, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    """End the pathway because another provider goes on."""
    yield _ending(journey, Outcome.TRANSFERRED, command.reason, command.referral)


def stop(journey: Journey, command: c.StopForSafety, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    """End the pathway because treatment is not safe for this patient. That is said also where it ends in another way
    already: the patient's next journey rests on it."""
    yield _ending(journey, Outcome.STOPPED_FOR_SAFETY, command.reason, command.referral)


def _ending(journey: Journey, outcome: Outcome, reason: str, referral: str | None = None) -> e.PathwayEnding:
    worse = outcome == Outcome.STOPPED_FOR_SAFETY
    if journey.closing is not None and (not worse or journey.closing.outcome in (*NOT_SAFE, Outcome.DECEASED)):
        refuse(
            RefusalCode.ALREADY_DONE,
            f"the pathway is already ending ({journey.closing.outcome})",
            "It closes once what concerns safety is settled; see `pathway why`",
        )
    return e.PathwayEnding(outcome=outcome, reason=reason, referral=referral)


def react_ending(journey: Journey, body: e.PathwayEnding, at: datetime) -> Iterator[e.EventBody]:
    """Cancel planned sessions. One that was released waits for its dose, or for word that none was taken; one in which
    it was taken is observed to its end."""
    for session in journey.sessions.values():
        if session.released_at is None and session.dosed_at is None:
            yield e.SessionCancelled(
                session=session.number,
                reason=f"the pathway is ending: {body.outcome.value}",
                told=body.outcome != Outcome.DECEASED,
            )


DECISIONS: Decisions = {
    c.StartPathway: refuse_second_start,
    c.Reassign: reassign,
    c.Cover: cover,
    c.Move: move,
    c.Withdraw: withdraw,
    c.Transfer: transfer,
    c.StopForSafety: stop,
}
REACTIONS: Reactions = {
    e.PathwayEnding: react_ending,
}
