"""Whole courses over simulated months on the real server, judged by what was recorded."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from hashlib import sha256

import asyncpg
import pytest

from activities.record.verification.chains import verify_chains
from tests.fixtures.everything import everything
from tests.helpers import task_failures
from tests.workflow.courses import (
    ALARM,
    COURSES,
    FIRST_DAY,
    LATE,
    MALFORMED,
    SHORTLY,
    SOUGHT,
    UNWELL,
    Played,
    of_courses,
)
from tests.workflow.escalations import (
    answered_at,
    assert_every_contact_due_as_the_protocol_says,
    assert_every_step_in_time,
    due_at,
    lives,
)
from tests.workflow.world import Case
from workflows.care_journey import CareJourney
from workflows.journey import events as e
from workflows.journey.aggregate import Journey, fold
from workflows.journey.events import Event
from workflows.journey.obligations import obligations
from workflows.journey.protocol import SignOffKind
from workflows.journey.views.notices import notices
from workflows.journey.views.summary import status, timeline
from workflows.journey.vocabulary.actors import CLINICAL, Role
from workflows.journey.vocabulary.limits import COMMAND_LIMIT
from workflows.journey.vocabulary.stage import Outcome
from workflows.protocols import list_pathways

OUTCOMES = {
    "ptsd": Outcome.COMPLETED,
    "anxiety": Outcome.COMPLETED,
    "late": Outcome.COMPLETED,
    "silent": Outcome.LOST_TO_FOLLOW_UP,
    "in-clinic": Outcome.IN_CLINIC,
    "withdrawal": Outcome.WITHDRAWN,
    "malformed": Outcome.WITHDRAWN,
    "signals": Outcome.WITHDRAWN,
    "uncached": Outcome.WITHDRAWN,
    "chain": Outcome.TRANSFERRED,
    "alarm": Outcome.WITHDRAWN,
}


def completed(events: Sequence[Event], journey: Journey) -> None:
    """It takes months, everybody is asked and answers when the protocol says, and a clinician ends it."""
    protocol = journey.protocol
    assert events[-1].at - events[0].at > timedelta(weeks=protocol.follow_up.weeks[-1] + protocol.sessions.planned)
    due, held = due_at(events), answered_at(events)
    for contact, moment in due.items():
        if contact.startswith(("check-in", "follow-up")) and contact in held:
            assert moment <= held[contact] <= moment + SHORTLY, contact
        elif contact.startswith("visit"):
            assert held[contact] <= moment, contact
    check_ins = len(protocol.check_ins.after_session) * protocol.sessions.planned
    assert sum(contact in held for contact in due if contact.startswith("check-in")) == check_ins
    assert all(f"follow-up-week-{week}" in held for week in protocol.follow_up.weeks)
    asked = [life.opened.subject for life in lives(events) if life.opened.kind == "check_in" and life.taken]
    assert len(asked) == check_ins, "each check-in is asked for when it is due"
    assert journey.sign_offs[-1].kind == SignOffKind.DISCHARGE


def late(events: Sequence[Event], journey: Journey) -> None:
    """The escalation policy went to its last step and held care until a clinician released it. Before the next dose
    a clinician decided on what was late."""
    [life] = [life for life in lives(events) if life.opened.key == f"check_in:{LATE}"]
    assert [step.step for _, step in life.taken] == list(
        range(len(journey.protocol.escalation_policies["check_in_24h"].steps))
    )
    hold = the(events, e.HoldPlaced)
    assert hold.at == next(at for at, step in life.taken if step.hold)
    released = the(events, e.HoldReleased)
    assert released.actor_role in CLINICAL
    between = [event.body for event in events if hold.version < event.version < released.version]
    assert not [body for body in between if isinstance(body, e.SessionScheduled | e.SessionReleased | e.DoseRecorded)]
    assert answered_at(events)[LATE] > hold.at
    settled = the(events, e.ContactSettled)
    assert isinstance(settled.body, e.ContactSettled)
    assert (settled.body.contact, settled.body.missed) == (LATE, False)
    assert released.version < settled.version
    assert settled.version < [event for event in events if isinstance(event.body, e.DoseRecorded)][1].version
    asked = the(events, e.SupportRequested)
    unwell = [event for event in events if isinstance(event.body, e.CheckInCompleted) and event.body.check_in == UNWELL]
    assert [event.command_id for event in unwell] == [asked.command_id], "in the same step"
    assert journey.support["support-1"].urgency == "urgent"


def silent(events: Sequence[Event], journey: Journey) -> None:
    """Every escalation policy ran to its top, and over again while nobody decided. Only then did a clinician decide
    that the patient is lost."""
    due = due_at(events)
    for missed in FIRST_DAY:
        [life] = [life for life in lives(events) if life.opened.key == f"check_in:{missed}"]
        again = [step.repetition for _, step in life.taken if step.repetition]
        assert again[:SOUGHT] == [*range(1, SOUGHT + 1)]
    routine = next(name for name in due if name.endswith("-72h"))
    lost = next(
        event
        for event in events
        if isinstance(event.body, e.ObligationEscalated) and event.body.action == "lost_to_follow_up"
    )
    assert isinstance(lost.body, e.ObligationEscalated)
    assert lost.body.obligation == f"check_in:{routine}"
    last_step = journey.protocol.escalation_policies["check_in_routine"].steps[-1]
    assert lost.at >= due[routine] + timedelta(minutes=last_step.minutes or 0)
    ending = the(events, e.PathwayEnding)
    signed = next(event for event in events if event.command_id == ending.command_id)
    assert isinstance(signed.body, e.SignedOff)
    assert (signed.body.sign_off, signed.actor_role) == (SignOffKind.LOST_TO_FOLLOW_UP, Role.CLINICIAN)
    assert signed.version > lost.version
    assert not [event for event in events if event.actor_role == Role.PATIENT and event.at > due["check-in-1-4h"]]


def malformed(events: Sequence[Event], journey: Journey) -> None:
    """Each message was kept, or size and digest of one too large to be, and held care in the same step."""
    kept = [event for event in events if isinstance(event.body, e.MessageKept)]
    holds = [event for event in events if isinstance(event.body, e.HoldPlaced)]
    assert len(kept) == len(MALFORMED)
    assert [hold.command_id for hold in holds] == [message.command_id for message in kept]
    texts = [event.body.content for event in kept if isinstance(event.body, e.MessageKept)]
    assert "Invented: please call me" in texts[0]
    too_large = texts[list(MALFORMED).index("larger than any command")]
    content = f'"{"x" * (COMMAND_LIMIT + 1)}"'.encode()
    assert f"{len(content)} bytes, SHA-256 {sha256(content).hexdigest()}" in too_large
    assert all(hold.released for hold in journey.holds.values())


def withdrawal(events: Sequence[Event], journey: Journey) -> None:
    """The session is observed to its end before the pathway closes."""
    versions = {event.body.kind: event.version for event in events}
    assert versions["pathway.ending"] < versions["session.observed"] < versions["session.ended"]
    assert versions["session.ended"] < versions["pathway.closed"]


def alarm(events: Sequence[Event], journey: Journey) -> None:
    """It rings again and again until somebody acknowledges, then more slowly until it is reviewed."""
    acknowledged = the(events, e.ObligationAcknowledged)
    reviewed = the(
        [event for event in events if getattr(event.body, "sign_off", None) == SignOffKind.SERIOUS_ADVERSE_EVENT],
        e.SignedOff,
    )
    rung = [
        (event.version, event.body)
        for event in events
        if isinstance(event.body, e.ObligationEscalated) and event.body.obligation == ALARM
    ]
    before = [step for version, step in rung if version < acknowledged.version]
    after = [step for version, step in rung if version > acknowledged.version]
    assert [step.repetition for step in before if step.repetition] == [1, 2, 3, 4, 5]
    assert [step.repetition for step in after if step.repetition][:3] == [1, 2, 3]
    assert all(version < reviewed.version for version, _ in rung)
    assert {step.to for step in before} >= {Role.CLINICIAN, Role.ON_CALL_CLINICIAN, Role.MEDICAL_DIRECTOR}


JUDGES: Mapping[str, Callable[[Sequence[Event], Journey], None]] = {
    "ptsd": completed,
    "anxiety": completed,
    "late": late,
    "silent": silent,
    "malformed": malformed,
    "withdrawal": withdrawal,
    "alarm": alarm,
}


def the(events: Sequence[Event], kind: type[e.EventBody]) -> Event:
    [event] = [event for event in events if isinstance(event.body, kind)]
    return event


async def assert_as_it_should_be(case: Case, name: str) -> None:
    """What holds after every course, whatever server it ran on."""
    events = await case.events()
    journey, protocol, zone = fold(events), case.journey.protocol, case.journey.patient.zone
    assert journey.outcome == OUTCOMES[name]
    assert_every_step_in_time(events, protocol, zone)
    assert_every_contact_due_as_the_protocol_says(events, protocol, zone)
    if name in JUDGES:
        JUDGES[name](events, journey)
    await assert_agreement(case)
    ending = await case.handle.result()
    assert (ending.outcome, ending.version) == (journey.outcome, journey.version)
    assert not task_failures(await case.history_events())


async def assert_agreement(case: Case) -> None:
    """The record, the workflow and its notices say the same, and the record verifies."""
    events = await case.events()
    journey = fold(events)
    assert [event.version for event in events] == list(range(1, len(events) + 1))
    assert journey == case.journey
    assert await case.handle.query(CareJourney.status) == status(journey, recorded=journey.version)
    assert await case.handle.query(CareJourney.obligations) == obligations(journey)
    assert await case.handle.query(CareJourney.timeline) == timeline(journey)
    connection = await asyncpg.connect(everything(case.world.database))
    try:
        assert await verify_chains(connection) == ()
        delivered = await connection.fetch("SELECT notice_id FROM record.notice WHERE journey_id = $1", case.id)
    finally:
        await connection.close()
    told = [case.world.record.patients.of_notice(notice) for event in events for notice in notices(event)]
    assert sorted(row["notice_id"] for row in delivered) == sorted(told)


@pytest.mark.parametrize("name", of_courses(*COURSES))
async def test_keeps_time_on_the_real_server(played: Played, name: str) -> None:
    case = await played(name)

    await assert_as_it_should_be(case, name)


def test_each_pathway_is_played_to_its_discharge_before_a_merge() -> None:
    played = {name for name, outcome in OUTCOMES.items() if outcome == Outcome.COMPLETED and not COURSES[name].soak}
    assert {COURSES[name].pathway for name in played} == set(list_pathways())
