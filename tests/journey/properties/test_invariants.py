"""What holds on every journey, whatever is sent, by whomever, in whatever order, at whatever time."""

import pytest
from hypothesis import given, note
from hypothesis import strategies as st

from tests.journey.play import course, standing_at
from tests.journey.properties.journeys import draw_command, moments, pauses
from workflows.journey import events as e
from workflows.journey.aggregate import Journey, evolve, fold
from workflows.journey.always.holds.model import RISK_CAUSES
from workflows.journey.authorization import cosigners
from workflows.journey.commands import Withdraw
from workflows.journey.decide import decide, keep_refusal
from workflows.journey.obligations import next_deadline, obligations
from workflows.journey.protocol import Pathway
from workflows.journey.receipts import add_receipts
from workflows.journey.stages.sessions.dose_gate import dose_gate
from workflows.journey.views.summary import describe_wait, details, status, timeline
from workflows.journey.vocabulary.actors import CLINICAL, Role
from workflows.journey.vocabulary.calendars import local
from workflows.journey.vocabulary.refusals import Refusal
from workflows.journey.vocabulary.stage import Stage
from workflows.protocols import list_pathways

STEPS = 12

OPENED = (
    (e.HoldPlaced, "hold", "holds"),
    (e.SupportRequested, "support", "support"),
    (e.CrisisOpened, "crisis", "crises"),
    (e.AdverseEventReported, "adverse_event", "adverse_events"),
    (e.DoseRecorded, "dose", "doses"),
    (e.QuestionAsked, "question", "questions"),
)
"""What an event opens under an id of its own: the field with the id, and where the state keeps it."""
TREATMENT = (e.SessionScheduled, e.SessionReleased)


def check_event(journey: Journey, event: e.Event) -> None:
    """What no event may do, given the state just before it."""
    body = event.body
    assert event.version == journey.version + 1
    if isinstance(body, e.SessionReleased):
        # Clearance and gate are read on the state the release was decided on, which this is.
        assert dose_gate(journey, body.session, event.at) == ()
        session, rules = journey.sessions[body.session], journey.protocol.sessions
        assert session.starts_at <= event.at <= session.closes
        assert rules.start_hours[0] <= local(event.at, journey.patient.zone).time() < rules.start_hours[1]
        assert journey.no_go_until is None or journey.no_go_until <= event.at
        cleared = next(signed for signed in journey.sign_offs if signed.request == body.clearance)
        assert (journey.happened.last or 0) < cleared.version, "something happened after the session was cleared"
        assert not any(k.to_settle or (k.open and k.due <= event.at) for k in journey.contacts.values())
    if isinstance(body, TREATMENT):
        assert not journey.held
        assert journey.closing is None
    if isinstance(body, e.StageEntered):
        assert not journey.held or body.stage == Stage.FOLLOW_UP
        order = list(Stage)
        assert order.index(body.stage) > order.index(journey.stage)
    if isinstance(body, e.DoseRecorded) and body.released:
        assert not journey.held
        assert body.session is not None
        assert journey.sessions[body.session].released_at is not None
    if isinstance(body, e.SignedOff):
        assert event.actor_role in CLINICAL
        rule = journey.protocol.sign_offs[body.sign_off]
        lent = [d.role for d in journey.delegations.values() if d.to == event.actor_id and d.until > event.at]
        assert {event.actor_role, *lent} & {*rule.roles, *cosigners(journey, body.sign_off)}
        assert journey.waiting[body.request].evidence == body.evidence
    if isinstance(body, e.HoldReleased):
        assert any(signed.request == body.sign_off and signed.decision == "approve" for signed in journey.sign_offs)
    for kind, name, opened in OPENED:
        if isinstance(body, kind):
            assert getattr(body, name) not in getattr(journey, opened), "nothing recorded takes the place of another"
    if event.actor_role == Role.SYSTEM:
        clockwork = (
            e.ObligationEscalated
            | e.HoldPlaced
            | e.MessageKept
            | e.CancellationKept
            | e.ObligationsUpdated
            | e.CommandRefused
            | e.HistoryTakenIn
            | e.SessionStopped
            | e.CareTeamLeft
        )
        assert isinstance(body, clockwork | e.CoverEnded), body.kind
    if isinstance(body, e.PathwayClosed):
        assert not [session for session in journey.sessions.values() if session.running] or journey.died


def check_journey(journey: Journey) -> None:
    """What must be true of every state."""
    if journey.closed:
        # Whoever looks at what is over is reviewed. Besides, only what a later fact brought about is awaited.
        unreviewed = [f"access_review:{access.id}" for access in journey.accesses.values() if access.justified is None]
        assert set(unreviewed) <= set(journey.waiting)
        assert all(not waiting.care for waiting in obligations(journey))
        assert journey.waiting or next_deadline(journey) is None
    else:
        assert obligations(journey), "an open journey that waits for nothing is lost"
    for waiting in obligations(journey):
        assert waiting.deadline >= waiting.since or waiting.due is not None
        policy = journey.protocol.escalation_policies[waiting.escalation_policy]
        assert len(waiting.steps) == len(policy.steps_when(acknowledged=waiting.acknowledged is not None))
        assert waiting.key
        assert describe_wait(waiting, journey)
    for contact in journey.contacts.values():
        if contact.done_at is not None:
            assert contact.opens <= contact.done_at, "made before it opened"
            assert contact.late is (contact.done_at > contact.closes)
    matters = [waiting.key for waiting in obligations(journey)]
    assert len(matters) == len(dict.fromkeys(matters))
    if journey.held:
        assert all(not waiting.care for waiting in obligations(journey))
        if journey.closing is None:
            held = [hold for hold in journey.holds.values() if not hold.released]
            asked = [waiting.id for waiting in obligations(journey)]
            about = ["risk_decision" if hold.cause in RISK_CAUSES else hold.id for hold in held]
            assert all(any(matter in request for request in asked) for matter in about)
    assert details(journey)
    assert status(journey, journey.version).stage == journey.stage
    assert timeline(journey)


@pytest.mark.requirement("A41")
@given(st.data(), moments())
def test_no_sequence_of_commands_breaks_a_rule(data: st.DataObject, where: tuple[Pathway, int]) -> None:
    play = standing_at(*where)
    for _ in range(data.draw(st.integers(1, STEPS))):
        play.at += data.draw(pauses())
        command = draw_command(data, play.journey, play.at)
        decided = play.decide(command)
        note(f"{play.at} {command.actor.role} {command.body.kind}: {decided if isinstance(decided, Refusal) else 'ok'}")
        assert play.decide(command) == decided, "the same question has one answer"
        if isinstance(decided, Refusal):
            assert decided.reason
            assert decided.remedy
            unanswered = data.draw(st.booleans())
            decided = keep_refusal(play.journey, play.receipts, command, decided, play.at, unanswered=unanswered)
        journey = play.journey
        for event in decided:
            check_event(journey, event)
            assert e.Event.model_validate_json(event.model_dump_json()) == event
            journey = evolve(journey, event)
        play.journey = journey
        add_receipts(play.receipts, decided)
        check_journey(journey)
        if decided:
            again = play.decide(command)
            assert again == () or isinstance(again, Refusal), "nothing happens twice"


@pytest.mark.long
@given(st.data(), moments())
def test_interrupted_and_resumed_equals_uninterrupted(data: st.DataObject, where: tuple[Pathway, int]) -> None:
    """A new run of the workflow begins from the state as JSON: it must go on as if nothing had happened."""
    play = standing_at(*where)
    resumed = play.journey
    for _ in range(data.draw(st.integers(1, STEPS))):
        play.at += data.draw(pauses())
        command = draw_command(data, play.journey, play.at)
        resumed = Journey.model_validate_json(resumed.model_dump_json(exclude_none=data.draw(st.booleans())))
        assert resumed == play.journey
        here, there = decide(play.journey, command, play.at), decide(resumed, command, play.at)
        assert here == there
        if not isinstance(here, Refusal) and here:
            play.journey, resumed = fold(here, play.journey), fold(here, resumed)
    assert resumed == play.journey


EVENTS = [event for pathway in list_pathways() for event in course(pathway).events[1:]]


@given(st.data(), moments())
def test_evolve_takes_any_event_on_any_state(data: st.DataObject, where: tuple[Pathway, int]) -> None:
    """Also events that could never follow: an old record, read by newer code, must still fold."""
    journey = standing_at(*where).journey
    for event in data.draw(st.lists(st.sampled_from(EVENTS), min_size=1, max_size=20)):
        before = journey.model_dump_json()
        changed = evolve(journey, event)
        assert changed.version == event.version
        assert journey.model_dump_json() == before, "the state before must stay as it was"
        journey = changed
    assert Journey.model_validate_json(journey.model_dump_json()) == journey


@given(st.data(), moments())
def test_people_bring_any_disturbed_journey_to_an_end(data: st.DataObject, where: tuple[Pathway, int]) -> None:
    """After anything that was accepted, there is a way on: the people of a clinic with one person in each role, and the
    clock, can always close the journey and settle what is left of it."""
    play = standing_at(*where)
    for _ in range(data.draw(st.integers(1, 4))):
        play.at += data.draw(pauses())
        command = draw_command(data, play.journey, play.at)
        decided = play.take(command)
        note(f"{command.actor.role} {command.body.kind}: {decided if isinstance(decided, Refusal) else 'ok'}")
    if play.journey.closing is None:
        play.do(Withdraw(), Role.PATIENT)
    play.go_on(lambda journey: journey.closed and not journey.waiting, most=60)
