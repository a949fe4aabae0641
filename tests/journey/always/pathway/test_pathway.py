"""Beginning, handing over and ending: every ending is named, and closes once safety is settled."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from simulation.people import CLINIC, ORGANISATION, PEOPLE, SECOND_CLINIC, observation, referral
from tests.journey.contacts import handover
from tests.journey.instruments.vectors import c_ssrs
from tests.journey.play import (
    JOURNEY,
    PROTOCOLS,
    SAID_HERE,
    START,
    Play,
    after,
    before,
    course,
    followed_up,
    kinds,
    one,
    started,
)
from tests.journey.variants import for_patients
from tests.replay.clear import ClearCodec
from workflows.authenticity import mark_authentic
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.aggregate import fold
from workflows.journey.decide import decide, keep_refusal
from workflows.journey.instruments import Instrument
from workflows.journey.protocol import Pathway, Protocol, SignOffKind
from workflows.journey.vocabulary.actors import CLOCK, Role
from workflows.journey.vocabulary.refusals import Refusal, RefusalCode
from workflows.journey.vocabulary.signed_statement import ProtocolApproval, signer_of
from workflows.journey.vocabulary.stage import Outcome
from workflows.protocols import find, list_pathways, load
from workflows.temporal_plugin import data_converter

PTSD = PROTOCOLS["PTSD"]


def start(**changed: Any) -> tuple[e.Event, ...] | Refusal:
    command = referral(PTSD, JOURNEY)
    body = command.body.model_copy(update=changed)
    return decide(None, command.model_copy(update={"body": body}), START)


def refusal_of(decided: tuple[e.Event, ...] | Refusal) -> Refusal:
    assert isinstance(decided, Refusal)
    return decided


# Beginning


@pytest.mark.requirement("A13", "B44")
def test_referral_opens_a_journey_and_asks_for_the_evaluation() -> None:
    decided = start()
    assert not isinstance(decided, Refusal)
    assert [event.body.kind for event in decided] == ["pathway.started", "care-team.updated", "obligations.updated"]
    journey = fold(decided)
    assert [waiting.kind for waiting in journey.waiting.values()] == ["evaluation"]


@pytest.mark.parametrize("pathway", list_pathways())
def test_shipped_protocols_carry_nobody(pathway: Pathway) -> None:
    refusal = refusal_of(start(protocol=load(find(pathway)), pathway=pathway, demonstration=False))
    assert refusal.code == RefusalCode.PROTOCOL
    for obstacle in ("illustrative", "draft", "dose limits are not set"):
        assert obstacle in refusal.reason


@pytest.mark.parametrize(
    ("changed", "obstacle"),
    [
        ({"illustrative": True}, "illustrative"),
        ({"status": "draft"}, "not approved"),
        ({"status": "retired"}, "not approved"),
        ({"dose": PTSD.dose.model_copy(update={"max_7_day": None})}, "max_7_day"),
    ],
)
def test_protocol_for_patients_is_approved_complete_and_no_illustration(changed: dict[str, Any], obstacle: str) -> None:
    approved = for_patients(PTSD)
    assert not isinstance(start(protocol=approved, approval=approval_of(approved), demonstration=False), Refusal)
    refusal = refusal_of(start(protocol=approved.model_copy(update=changed), demonstration=False))
    assert refusal.code == RefusalCode.PROTOCOL
    assert obstacle in refusal.reason


@pytest.mark.parametrize(("begins", "refused"), [("2027-12-31T23:59", False), ("2028-01-01T00:00", True)])
def test_nobody_is_started_on_a_protocol_whose_holidays_have_run_out(begins: str, refused: bool) -> None:
    """Not on the day after the last that is listed, as the clinic counts its days; a demonstration is."""
    at = datetime.fromisoformat(begins).replace(tzinfo=ZoneInfo(PTSD.working_time.zone)).astimezone(UTC)
    listed = {"holidays": PTSD.working_time.holidays, "holidays_known_until": date(2027, 12, 31)}
    protocol = for_patients(PTSD)
    protocol = protocol.model_copy(update={"working_time": protocol.working_time.model_copy(update=listed)})
    command = referral(protocol, JOURNEY)
    body = command.body.model_copy(update={"demonstration": False, "approval": approval_of(protocol)})
    decided = decide(None, command.model_copy(update={"body": body}), at)
    if refused:
        refusal = refusal_of(decided)
        assert (refusal.code, "holidays only until 2027-12-31" in refusal.reason) == (RefusalCode.PROTOCOL, True)
    else:
        assert not isinstance(decided, Refusal)
    assert not isinstance(decide(None, command, at), Refusal)


def approval_of(protocol: Protocol, **changed: Any) -> ProtocolApproval:
    """Two signatures that nobody made: whether they hold is checked where the register is known."""
    signers = [signer_of(PEOPLE[role]) for role in (Role.MEDICAL_DIRECTOR, Role.CLINICIAN)]
    unmade = {"key_id": "nobody", "nonce": "0" * 32, "signed_at": START, "expires_at": START, "value": "00" * 64}
    return ProtocolApproval.model_validate(
        {
            "organisation": ORGANISATION,
            "protocol": protocol.id,
            "version": protocol.version,
            "digest": protocol.digest,
            "clinics": (CLINIC,),
            "approvals": [{"signer": signer, "signature": unmade} for signer in signers],
            **changed,
        }
    )


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"digest": "0" * 64}, "not as it was signed"),
        ({"version": 2}, "not as it was signed"),
        ({"protocol": "another"}, "not as it was signed"),
        ({"approvals": 1}, "second signature"),
        pytest.param(
            {"clinics": (SECOND_CLINIC,)},
            f"approved for {SECOND_CLINIC}, not for {CLINIC}",
            marks=pytest.mark.requirement("A17"),
        ),
        (None, "is not signed"),
    ],
)
def test_a_protocol_for_patients_is_signed_by_two_as_it_is(changed: dict[str, Any] | None, says: str) -> None:
    protocol = for_patients(PTSD)
    approval = approval_of(protocol)
    if changed == {"approvals": 1}:
        changed = {"approvals": approval.approvals[:1]}
    given = None if changed is None else approval.model_copy(update=changed)
    refusal = refusal_of(start(protocol=protocol, approval=given, demonstration=False))
    assert (refusal.code, says in refusal.reason) == (RefusalCode.PROTOCOL, True)


@pytest.mark.requirement("A05")
def test_protocol_is_that_of_the_pathway() -> None:
    refusal = refusal_of(start(pathway="ANXIETY"))
    assert (refusal.code, refusal.field) == (RefusalCode.PROTOCOL, "pathway")


@pytest.mark.requirement("B39")
@pytest.mark.parametrize(
    ("born", "accepted"), [(date(2008, 11, 23), True), (date(2008, 11, 24), False), (date(2012, 2, 29), False)]
)
def test_adults_only_by_the_local_day(born: date, accepted: bool) -> None:
    decided = start(patient=started().journey.patient.model_copy(update={"born": born}))
    if accepted:
        assert not isinstance(decided, Refusal)
    else:
        refusal = refusal_of(decided)
        assert (refusal.code, refusal.field) == (RefusalCode.OUT_OF_LIMITS, "patient.born")


def test_coordinators_start_pathways_once() -> None:
    command = referral(PTSD, JOURNEY)
    by_patient = command.model_copy(update={"actor": PEOPLE[Role.PATIENT]})
    assert refusal_of(decide(None, by_patient, START)).code == RefusalCode.NOT_ALLOWED
    play = started()
    play.refused(command.body, Role.COORDINATOR, code=RefusalCode.ALREADY_STARTED)


# The same command twice


def test_repeated_command_gives_no_events() -> None:
    play = before("plan.record")
    command = play.command(c.AskQuestion(text="what if?"), Role.PATIENT)
    assert play.take(command)
    after_it = play.journey
    assert play.take(command) == ()
    play.wait(days=3)
    assert play.take(command) == ()
    assert play.journey.questions == after_it.questions


def test_repeated_start_gives_no_events() -> None:
    play = started()
    assert play.decide(referral(PTSD, JOURNEY)) == ()


@pytest.mark.parametrize("change", ["body", "actor"])
def test_command_id_is_for_one_command(change: str) -> None:
    play = before("plan.record")
    command = play.command(c.AskQuestion(text="what if?"), Role.PATIENT)
    play.take(command)
    other: dict[str, Any] = {"body": c.AskQuestion(text="and what else?"), "actor": PEOPLE[Role.COORDINATOR]}
    refusal = play.take(command.model_copy(update={change: other[change]}))
    assert isinstance(refusal, Refusal)
    assert (refusal.code, refusal.field) == (RefusalCode.COMMAND_ID_REUSED, "command_id")


def test_events_of_a_command_have_the_same_ids_whenever_it_is_decided() -> None:
    play = before("plan.record")
    command = play.command(c.AskQuestion(text="what if?"), Role.PATIENT)
    first, second = decide(play.journey, command, play.at), decide(play.journey, command, play.at + timedelta(days=1))
    assert not isinstance(first, Refusal)
    assert not isinstance(second, Refusal)
    assert [event.event_id for event in first] == [event.event_id for event in second]
    assert len({event.event_id for event in first}) == len(first)


def test_refusals_that_matter_are_kept_and_not_without_end() -> None:
    play = before("session.check")
    for body, by, kept in (
        (c.ReleaseSession(session=1), Role.SESSION_MONITOR, True),
        (c.CompleteCheckIn(check_in="x", feeling="well", side_effects="x", location=SAID_HERE), Role.PATIENT, False),
    ):
        command = play.command(body, by)
        refusal = decide(play.journey, command, play.at)
        assert isinstance(refusal, Refusal)
        assert bool(keep_refusal(play.journey, {}, command, refusal, play.at)) is kept
        assert keep_refusal(play.journey, {}, command, refusal, play.at, unanswered=True)
    full = play.changed(refusals=200)
    command = full.command(c.ReleaseSession(session=1), Role.SESSION_MONITOR)
    refused = decide(full.journey, command, full.at)
    assert isinstance(refused, Refusal)
    assert keep_refusal(full.journey, {}, command, refused, full.at) == ()


# Handing over


def test_duties_are_handed_over_by_coordinators() -> None:
    play = started()
    body = c.Reassign(duty="clinician", to="other-clinician", reason="on leave")
    play.refused(body, Role.PATIENT, code=RefusalCode.NOT_ALLOWED)
    play.do(body, Role.COORDINATOR)
    assert play.journey.clinician == "other-clinician"


def test_move_changes_the_zone_of_what_comes_and_not_of_what_was_promised() -> None:
    play = after("session.end")
    promised = {k.id: (k.due, k.zone) for k in play.journey.contacts.values()}
    play.do(c.Move(zone="America/New_York", state="NY"), Role.COORDINATOR)
    assert {k.id: (k.due, k.zone) for k in play.journey.contacts.values()} == promised
    play.go_on(lambda journey: len(journey.doses) == 2)
    assert play.journey.contacts["check-in-2-4h"].zone == "America/New_York"


# Ending


@pytest.mark.parametrize("moment", ["evaluation.record", "plan.record", "session.schedule", "session.check"])
def test_patient_may_leave_at_any_time_without_a_reason(moment: str) -> None:
    play = before(moment)
    bodies = play.do(c.Withdraw(), Role.PATIENT)
    assert kinds(bodies)[0] == "pathway.ending"
    if moment == "session.check":
        assert list(play.journey.waiting) == ["leftovers"]
        play.do(c.MoveSupply(movement="returned", doses=2, moved_at=play.at), Role.COORDINATOR)
    assert play.journey.outcome == Outcome.WITHDRAWN
    assert play.journey.waiting == {}
    assert not play.journey.sessions


def test_leaving_during_a_session_takes_effect_after_it() -> None:
    play = after("session.dose")
    play.do(c.Withdraw(reason="enough"), Role.PATIENT)
    assert play.journey.outcome is None
    left = sorted(waiting.kind for waiting in play.journey.waiting.values())
    assert left == ["check_in"] * 3 + ["leftovers"] + ["observation"] * 3 + ["visit"]
    play.do(c.MoveSupply(movement="returned", doses=1, moved_at=play.at), Role.COORDINATOR)
    play.refused(c.Withdraw(), Role.PATIENT, code=RefusalCode.ALREADY_DONE)
    for minute in (15, 40, 120):
        assert play.journey.outcome is None
        play.at = play.dosed_at() + timedelta(minutes=minute)
        play.do(observation(play.journey, 1, minute, play.at), Role.SESSION_MONITOR)
    criteria = dict.fromkeys(play.journey.protocol.sessions.release_criteria, True)
    bodies = play.do(c.EndSession(session=1, criteria=criteria), Role.SESSION_MONITOR)
    assert kinds(bodies) == ["session.ended"]
    for hours in (4, 24, 48, 72):
        assert play.journey.outcome is None
        play.at = max(play.at, play.dosed_at() + timedelta(hours=hours))
        play.go_on(lambda journey: len(journey.waiting) == {4: 3, 24: 2, 48: 1, 72: 0}[hours])  # noqa: B023
    assert play.journey.outcome == Outcome.WITHDRAWN


def test_what_concerns_safety_is_settled_before_the_end() -> None:
    play = after("session.end")
    play.do(c.RecordInstrument(instrument=Instrument.C_SSRS, occasion="x", answers=c_ssrs("yyyynn-")))
    play.do(c.RequestSupport(urgency="urgent", text="help"), Role.PATIENT)
    play.do(c.ReportAdverseEvent(what="fell", grade=2, serious=False, onset=play.at), Role.PATIENT)
    play.do(c.KeepUnreadable(name="x", content="?"), CLOCK)
    play.do(c.Withdraw(), Role.PATIENT)
    left = sorted(waiting.kind for waiting in play.journey.waiting.values())
    assert left == [
        "adverse_event", "adverse_event_outcome", "check_in", "check_in", "check_in", "crisis", "leftovers",
        "risk_decision", "support", "unreadable_message", "visit",
    ]  # fmt: skip
    play.do(c.HandleMessage(message="message-1", text="x"), Role.OPS)
    play.do(c.AnswerSupport(support="support-1", text="x"), Role.ON_CALL_CLINICIAN)
    play.sign(SignOffKind.ADVERSE_EVENT, "adverse-event-1", decision="return", rationale="when exactly?")
    assert play.waits_for("returned") is not None
    play.reach(
        c.RecordCrisisContact(crisis="crisis-1", reached=True, assessment="x", safety_plan=True),
        Role.ON_CALL_CLINICIAN,
    )
    assert play.journey.outcome is None
    returned = play.waits_for("returned")
    assert returned is not None
    assert returned.subject is not None
    play.do(c.AnswerReturned(request=returned.subject, text="this morning"))
    play.sign(SignOffKind.ADVERSE_EVENT, "adverse-event-1")
    play.do(followed_up("adverse-event-1", "unknown"))
    left = sorted(waiting.kind for waiting in play.journey.waiting.values())
    assert left == ["check_in"] * 3 + ["crisis_contact", "leftovers", "risk_decision", "visit"]
    play.do(handover())
    play.sign(SignOffKind.RISK_DECISION, choice="handed_over", referral="county crisis team (invented)")
    play.go_on(lambda journey: journey.closed)
    assert play.journey.outcome == Outcome.WITHDRAWN


def test_nothing_progresses_once_the_end_is_near() -> None:
    play = after("session.end")
    play.do(c.RequestSupport(urgency="urgent", text="help"), Role.PATIENT)
    play.do(c.Withdraw(), Role.PATIENT)
    play.refused(
        c.ScheduleSession(
            session=2,
            starts_at=play.at + timedelta(days=7),
            supervising_clinician="x",
            session_monitor="y",
        ),
        Role.COORDINATOR,
        code=RefusalCode.CLOSED,
    )


def test_transfer_names_where_to() -> None:
    play = before("session.schedule")
    play.refused(c.Transfer(reason="moving", referral="x"), Role.COORDINATOR, code=RefusalCode.NOT_ALLOWED)
    bodies = play.do(c.Transfer(reason="moving away", referral="clinic in Portland"))
    assert one(bodies, e.PathwayEnding).referral == "clinic in Portland"
    assert play.journey.outcome == Outcome.TRANSFERRED


@pytest.mark.parametrize("pathway", list_pathways())
def test_closed_journey_takes_nothing_that_is_care(pathway: Pathway) -> None:
    closed = Play(course(pathway).journey, course(pathway).at)
    closed.refused(c.Withdraw(), Role.PATIENT, code=RefusalCode.CLOSED)
    closed.refused(c.PlaceHold(reason="x"), Role.OPS, code=RefusalCode.CLOSED)
    assert closed.clock() == []
    command = closed.command(c.ReleaseSession(session=1), Role.SESSION_MONITOR)
    refusal = decide(closed.journey, command, closed.at)
    assert isinstance(refusal, Refusal)
    assert keep_refusal(closed.journey, {}, command, refusal, closed.at) == ()


def test_nobody_acts_as_the_clock_in_a_role_of_theirs() -> None:
    play = started()
    play.refused(c.PassDeadline(), Role.OPS, code=RefusalCode.NOT_ALLOWED)
    play.refused(c.KeepUnreadable(name="x", content="y"), Role.COORDINATOR, code=RefusalCode.NOT_ALLOWED)
    for body in (c.Withdraw(), c.PlaceHold(reason="x"), c.RequestSupport(urgency="urgent", text="x")):
        play.refused(body, CLOCK, code=RefusalCode.NOT_ALLOWED)


def test_refusal_never_repeats_what_was_typed() -> None:
    play = before("session.check")
    secret = "a-telling-thing"
    refusal = play.refused(
        c.CompleteCheckIn(check_in=secret, feeling="well", side_effects=secret, location=SAID_HERE),
        Role.PATIENT,
        code=RefusalCode.UNKNOWN,
        field="check_in",
    )
    assert secret not in str(refusal)


def test_journeys_do_not_share_event_ids() -> None:
    other = UUID(int=7)
    command = referral(PTSD, other)
    decided = decide(None, command, START)
    assert not isinstance(decided, Refusal)
    assert not {event.event_id for event in decided} & {event.event_id for event in started().events}


def test_a_start_with_unset_dose_limits_reaches_the_journey_and_is_refused_there() -> None:
    shipped = load(find("PTSD"))
    command = referral(shipped, JOURNEY)
    converter = data_converter(ClearCodec()).payload_converter
    sent = mark_authentic(converter.to_payload(command))
    arrived = converter.from_payload(sent, c.Command)
    assert arrived == command
    body = command.body
    assert isinstance(body, c.StartPathway)
    real = command.model_copy(update={"body": body.model_copy(update={"demonstration": False})})
    refused = decide(None, real, START)
    assert isinstance(refused, Refusal)
    assert (refused.code, "dose limits are not set" in refused.reason) == (RefusalCode.PROTOCOL, True)


ZONES: list[tuple[str, str, bool, bool]] = [
    # The zone, the state, and whether they go together: in a demonstration, and of a patient.
    ("America/Los_Angeles", "CA", True, True),
    ("America/New_York", "CA", False, False),
    ("America/Denver", "CA", False, False),
    ("Pacific/Honolulu", "CA", False, False),
    ("Asia/Tokyo", "CA", True, False),
    ("America/Bogota", "NY", True, False),
    ("America/Detroit", "MI", True, True),
    ("America/Boise", "ID", True, True),
    ("America/Chicago", "FL", True, True),
    ("America/Phoenix", "AZ", True, True),
    ("America/Phoenix", "NM", False, False),
    ("America/Denver", "TX", True, True),
    ("America/Puerto_Rico", "VI", True, True),
]


@pytest.mark.requirement("A12")
@pytest.mark.parametrize(("zone", "state", "demonstrated", "true"), ZONES)
def test_a_zone_is_one_of_the_state_in_which_the_patient_lives(
    zone: str, state: str, demonstrated: bool, true: bool
) -> None:
    """A clock three hours ahead let somebody be called at five in the morning, and have a session in the night."""
    play, moved = before("session.schedule"), c.Move(zone=zone, state=state)
    for journey, fits in ((play.branch(), demonstrated), (play.changed(illustrative=False), true)):
        if fits:
            journey.do(moved, Role.COORDINATOR)
        else:
            journey.refused(moved, Role.COORDINATOR, code=RefusalCode.CONTRADICTS, field="zone", says="no time zone")
    opening = referral(PROTOCOLS["PTSD"], JOURNEY, zone=zone, state=state)
    decided = decide(None, opening, play.at)
    assert (isinstance(decided, Refusal) and decided.field == "patient.zone") is not demonstrated
