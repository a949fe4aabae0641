"""Sessions: scheduled within interval rules, checked, cleared, released, dosed, observed, ended.

Sources: supervised sessions by versioned protocol; nobody is left on their own
(observer present, clinician reachable); blood pressure before, around 40 minutes after and until it falls
(esketamine label); intervals are elapsed UTC time between doses, so that clock changes never shift them.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.aggregate import Decisions, Journey, Reactions
from workflows.journey.always.care_team.rules import list_left
from workflows.journey.always.permissions.rules import permission_obstacles
from workflows.journey.evidence import current_decision, is_approved, sign_off_requirement
from workflows.journey.instruments import C_SSRS_FORMS
from workflows.journey.obligation_types import (
    CHECKLIST,
    DOSE,
    INSTRUCTIONS,
    INSTRUCTIONS_READ,
    MEASURE,
    OBSERVATION,
    PLANNING,
    RELEASE,
    SCHEDULING,
    SESSION_END,
    SUICIDE_RISK,
    ObligationType,
)
from workflows.journey.patient_limits import longest_course
from workflows.journey.protocol import Part, SignOffKind
from workflows.journey.requirements import Requirement, require
from workflows.journey.setting import setting_of
from workflows.journey.stages.education.rules import find_unconsented
from workflows.journey.stages.evaluation.model import measure_name, scheduled_instruments
from workflows.journey.stages.sessions import validity
from workflows.journey.stages.sessions.dose_gate import (
    find_beyond_plan,
    find_too_early,
    interval_obstacles,
    outside_hours,
    owed_elsewhere,
    require_scheduled,
    standing_no_go,
)
from workflows.journey.stages.sessions.ending import end_due
from workflows.journey.stages.sessions.events import join_rechecks
from workflows.journey.stages.sessions.reviews import reviews_owed
from workflows.journey.stages.sessions.state import Session
from workflows.journey.vocabulary.actors import Actor, Role
from workflows.journey.vocabulary.calendars import local
from workflows.journey.vocabulary.refusals import RefusalCode, list_some, refuse
from workflows.journey.vocabulary.stage import Stage
from workflows.journey.vocabulary.words import in_words
from workflows.journey.watch import cancellation


def schedule(journey: Journey, command: c.ScheduleSession, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    """Schedule the next session (UTC), within the protocol's intervals, once everything before it is signed."""
    rules, plan = journey.protocol.sessions, journey.plan
    _require_next(journey, command.session)
    known = journey.sessions.get(command.session)
    if known is not None and known.released_at is not None:
        refuse(RefusalCode.ALREADY_DONE, "this session has been released", "It can no longer be moved", "session")
    if known is not None and known.running:
        refuse(RefusalCode.ALREADY_DONE, "a dose was taken in this session", "Observe and end it instead", "session")
    if plan is None or command.session > plan.planned_sessions:
        refuse(RefusalCode.OUT_OF_LIMITS, "the plan has no such session", "Write and sign a new plan first", "session")
    for kind in (SignOffKind.ELIGIBILITY, SignOffKind.PLAN):
        if not is_approved(journey, kind) or journey.plan_owed_since is not None:
            refuse(RefusalCode.INCOMPLETE, f"the {kind.value} is not signed as it now is", "Have it signed first")
    if reviews_owed(journey):
        refuse(RefusalCode.INCOMPLETE, "a response review is open", "A clinician decides it first")
    if find_unconsented(journey):
        refuse(RefusalCode.INCOMPLETE, "consents are not complete", "The patient decides about them first")
    if command.starts_at < at:
        refuse(RefusalCode.WRONG_TIME, "this start is in the past", "Give a time that is still to come", "starts_at")
    longest = longest_course(journey)
    if command.starts_at - at > longest:
        refuse(
            RefusalCode.OUT_OF_LIMITS,
            f"this start is more than {longest.days} days away, longer than a course",
            "Choose another time",
            "starts_at",
        )
    if command.session in rules.live_clinician_sessions and command.live_clinician is None:
        refuse(
            RefusalCode.OUT_OF_LIMITS,
            "this session needs a clinician present throughout by video",
            "Name the clinician",
            "live_clinician",
        )
    if journey.lacks_interpreter(command.interpreter):
        refuse(RefusalCode.INCOMPLETE, "this patient needs an interpreter", "Name who interprets", "interpreter")
    why = (
        *interval_obstacles(journey, command.starts_at),
        *standing_no_go(journey, command.starts_at),
        *outside_hours(journey, command.starts_at),
        *permission_obstacles(journey, plan.setting, command.starts_at),
    )
    if why:
        refuse(RefusalCode.OUT_OF_LIMITS, list_some(why), "Choose another time", "starts_at")
    zone = journey.patient.zone
    yield e.SessionScheduled(
        **command.model_dump(exclude={"kind"}),
        closes=command.starts_at + timedelta(minutes=rules.start_within_minutes),
        zone=zone,
        local=local(command.starts_at, zone).isoformat(timespec="minutes"),
        setting=plan.setting,
    )


def cancel(journey: Journey, command: c.CancelSession, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    """Cancel a session whose dose was not taken. After the release one person's word for that takes no watch away:
    somebody else counts the doses at home; where the dose was in the clinic, another clinician finds it out."""
    session = require_scheduled(journey, command.session)
    if session.dosed_at is not None:
        refuse(RefusalCode.ALREADY_DONE, "the dose has been taken", "Observe and end the session instead", "session")
    yield from cancellation(journey, session, command.reason, by.id)


def instruct(journey: Journey, command: c.Instruct, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    """Record that the patient got the instructions for a session."""
    require_scheduled(journey, command.session)
    yield e.SessionInstructed(session=command.session, content_version=command.content_version)


def acknowledge_instructions(
    journey: Journey, command: c.AcknowledgeInstructions, by: Actor, at: datetime
) -> Iterator[e.EventBody]:
    """Record that the patient acknowledged the instructions that were delivered last."""
    session = require_scheduled(journey, command.session)
    if session.instructed is None:
        refuse(RefusalCode.INCOMPLETE, "no instructions were delivered", "The coordinator delivers them", "session")
    if session.instructed != command.content_version:
        refuse(RefusalCode.STALE, "another version was delivered", "Read that one", "content_version")
    yield e.InstructionsAcknowledged(session=command.session, content_version=command.content_version)


def needs(journey: Journey) -> Iterator[Requirement]:
    """Ask for what a session needs next, for attestations, and for the response reviews before the next session."""
    for session in journey.sessions.values():
        if session.running:
            yield from _running(journey, session)
            if session.end_proposed is not None:
                decision = sign_off_requirement(journey, SignOffKind.END_DECISION, str(session.number))
                if decision:
                    yield decision
        elif session.released_at is not None and session.dosed_at is None:
            what = f"record the dose of session {session.number}, or cancel it if none was taken"
            if session.stopped_at is not None:
                what = f"session {session.number} was stopped: cancel it, or record its dose if one was taken"
            yield _monitors(session, DOSE, what, care=False)
        elif session.ended_at is not None and session.number in journey.protocol.sessions.cosigned_sessions:
            attestation = sign_off_requirement(journey, SignOffKind.ATTESTATION, str(session.number))
            if attestation:
                yield attestation
    reviews = reviews_owed(journey)
    for review in reviews:
        asked = sign_off_requirement(journey, SignOffKind.RESPONSE_REVIEW, review)
        if asked:
            yield asked
    if journey.stage != Stage.SESSIONS or journey.plan is None:
        return
    number = journey.next_session
    released = number in journey.sessions and journey.sessions[number].released_at is not None
    if reviews and not released:
        return
    unsigned = not is_approved(journey, SignOffKind.PLAN) or not is_approved(journey, SignOffKind.ELIGIBILITY)
    if number > journey.plan.planned_sessions or unsigned or journey.plan_owed_since is not None:
        return
    yield from _upcoming(journey, number)


def _upcoming(journey: Journey, number: int) -> Iterator[Requirement]:
    """Ask for what the next session needs: answers, renewals, the session itself, and what comes before its release."""
    session = journey.sessions.get(number)
    if find_unconsented(journey):
        return
    yield from _answers_before(journey, number, session)
    yield from validity.needs(journey)
    if session is None:
        yield _scheduling(str(number), f"schedule session {number}")
    elif session.released_at is None and not session.running and session.ended_at is None:
        yield from _risk_before(journey, session)
        yield from _instructions(journey, session)
        yield from _next_step(journey, session)


def _answers_before(journey: Journey, number: int, session: Session | None) -> Iterator[Requirement]:
    """Ask for the questionnaires before a session, and anew for those whose answers will not count at its start."""
    dosed = session is not None and session.dosed_at is not None
    if dosed or not validity.is_measured_before(journey, number):
        return
    counts = timedelta(days=journey.protocol.validity.before_session_days)
    for instrument in scheduled_instruments(journey):
        if instrument in C_SSRS_FORMS:
            continue
        measured = validity.find_measurement_before(journey, number, instrument)
        opens = None if session is None or measured is None else session.starts_at - counts
        if measured is None or (opens is not None and measured.at < opens):
            yield require(
                MEASURE,
                subject=measure_name(journey, f"session-{number}", instrument),
                owner=Role.PATIENT,
                what=f"fill in {instrument} before session {number}",
                due=opens,
            )


def _risk_before(journey: Journey, session: Session) -> Iterator[Requirement]:
    """Ask for the C-SSRS if the latest one does not count until the release lapses."""
    risk = journey.asked_risk
    valid = timedelta(days=journey.protocol.instruments.suicide_risk_valid_days)
    begins = session.starts_at if session.check is None else max(session.starts_at, session.check.at)
    if risk is None or begins + journey.protocol.sessions.release_lasts - risk.at > valid:
        yield require(
            SUICIDE_RISK,
            subject=str(session.number),
            owner=Role.CLINICIAN,
            person=journey.clinician,
            what=f"ask the C-SSRS before session {session.number}",
            due=session.starts_at,
        )


def _instructions(journey: Journey, session: Session) -> Iterator[Requirement]:
    if session.instructed is None:
        yield require(
            INSTRUCTIONS,
            subject=str(session.number),
            owner=Role.COORDINATOR,
            person=journey.coordinator,
            what=f"deliver the instructions for session {session.number}",
            due=session.starts_at,
        )
    elif session.acknowledged != session.instructed:
        yield require(
            INSTRUCTIONS_READ,
            subject=str(session.number),
            owner=Role.PATIENT,
            what=f"acknowledge the instructions for session {session.number}",
            due=session.starts_at,
        )


def _next_step(journey: Journey, session: Session) -> Iterator[Requirement]:
    """Ask for the one next step towards the release: another plan for the session, the checklist, the clearance, or the
    release itself."""
    number, subject, made = session.number, str(session.number), session.check
    elsewhere = None if made is None else owed_elsewhere(journey, made.vitals)
    decided = current_decision(journey, SignOffKind.CLEARANCE, subject)
    left = list_left(journey, session)
    if left:
        named = " and ".join(in_words(part) for part in left)
        again = "record the checklist anew" if left == (Part.REACHABLE_CLINICIAN,) else "plan it anew"
        yield _scheduling(subject, f"name another {named} for session {number}, and {again}")
    elif outside_hours(journey, session.starts_at):
        yield _scheduling(subject, f"move session {number}: it would start at night where the patient is now")
    elif session.setting != setting_of(journey):
        yield _scheduling(subject, f"move session {number}: it is planned for another setting than the one signed")
    elif journey.lacks_interpreter(session.interpreter):
        yield _scheduling(subject, f"move session {number}, and name who interprets")
    elif made is not None and made.no_go:
        yield _scheduling(subject, f"move session {number}: the checklist does not allow it today")
    elif beyond := [*find_beyond_plan(journey, session.starts_at)]:
        yield require(
            PLANNING,
            owner=Role.CLINICIAN,
            person=journey.clinician,
            what=f"write another plan before session {number}: {beyond[0]}",
            due=session.starts_at,
        )
    elif early := find_too_early(journey, session.starts_at):
        yield _scheduling(subject, f"move session {number} to a later time: {early[0]}", due=session.starts_at)
    elif made is None or made.verdict == "recheck" or elsewhere is not None:
        again, due = "go through the checklist", session.starts_at
        found = join_rechecks(each for each in (journey.recheck, elsewhere) if each is not None)
        if found is not None:
            rest = timedelta(minutes=journey.protocol.sessions.vitals.recheck_rest_minutes)
            again, due = "repeat the vitals after rest", max(due, found.since + rest)
        yield _monitors(session, CHECKLIST, f"{again} for session {number}", due=due)
    elif decided is not None and decided.decision == "decline":
        yield _scheduling(subject, f"move session {number}: clearance was declined")
    elif decided is not None and decided.decision == "approve":
        yield _monitors(session, RELEASE, f"release session {number}")
    else:
        clearance = sign_off_requirement(journey, SignOffKind.CLEARANCE, subject)
        if clearance:
            yield clearance


def _scheduling(subject: str, what: str, *, due: datetime | None = None) -> Requirement:
    return require(SCHEDULING, subject=subject, owner=Role.COORDINATOR, what=what, due=due)


def _monitors(
    session: Session,
    about: ObligationType,
    what: str,
    *,
    subject: str | None = None,
    due: datetime | None = None,
    care: bool = True,
) -> Requirement:
    return require(
        about,
        subject=subject or str(session.number),
        owner=Role.SESSION_MONITOR,
        person=session.session_monitor,
        what=what,
        due=due,
        care=care,
    )


def _running(journey: Journey, session: Session) -> Iterator[Requirement]:
    rules, number = journey.protocol.sessions, session.number
    awaited = journey.awaited_in(session)
    dose = journey.doses.get(session.dose or "")
    times = [session.observe_at] if dose is None else [told.observe_at for told in dose.told]
    as_told_before = [minute for name, minute, _ in journey.unobserved() if name == session.dose]
    for minute, due in zip(rules.observe_minutes, map(min, zip(*times, strict=False)), strict=False):
        # To say why nobody looked is no look: until somebody sees the patient, the escalation goes on.
        unseen = minute in session.missed and not journey.is_seen_since(session, minute)
        if minute not in (*awaited, *as_told_before) and not unseen:
            continue
        also = " and ".join(map(in_words, rules.measured_at(minute)))
        yield _monitors(
            session,
            OBSERVATION,
            f"observe session {number} at {minute} minutes" + (f", and measure {also}" if also else ""),
            subject=f"{number}-{minute}",
            due=due,
            care=False,
        )
    if not awaited and session.dosed_at is not None:
        yield _monitors(
            session,
            SESSION_END,
            f"end session {number} once the criteria are met",
            due=end_due(journey, session.dosed_at),
            care=False,
        )


def advance(journey: Journey, at: datetime) -> Iterator[e.EventBody]:
    """Begin follow-up once every planned session is over and reviewed."""
    if journey.stage != Stage.SESSIONS or journey.plan is None or reviews_owed(journey):
        return
    if any(session.running for session in journey.sessions.values()):
        return
    done = journey.next_session > journey.plan.planned_sessions and journey.plan_owed_since is None
    if done and is_approved(journey, SignOffKind.PLAN):
        yield e.StageEntered(stage=Stage.FOLLOW_UP)


def react_stage(journey: Journey, body: e.StageEntered, at: datetime) -> Iterator[e.EventBody]:
    """Cancel sessions that are still planned when the sessions stage ends."""
    if body.stage == Stage.FOLLOW_UP:
        for session in journey.sessions.values():
            if session.released_at is None and session.dosed_at is None:
                yield e.SessionCancelled(session=session.number, reason="the sessions have ended")


def _require_next(journey: Journey, number: int) -> None:
    if number != journey.next_session:
        refuse(RefusalCode.UNKNOWN, f"the next session is number {journey.next_session}", "Use that number", "session")


DECISIONS: Decisions = {
    c.ScheduleSession: schedule,
    c.CancelSession: cancel,
    c.Instruct: instruct,
    c.AcknowledgeInstructions: acknowledge_instructions,
}
REACTIONS: Reactions = {
    e.StageEntered: react_stage,
}
