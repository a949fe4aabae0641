"""Which messages wait, or are not sent at all, by what the journey says at that moment."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from activities.notices import queue
from activities.notices.standing import quiet_until, settled, until
from activities.privacy.patient_keys import PatientKeys
from simulation.people import CLINIC
from tests.journey.play import after, course
from tests.notices.helpers import VERIFIED
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.aggregate import evolve, fold
from workflows.journey.protocol.escalation import Action
from workflows.journey.views.notices import ASKS, notices
from workflows.journey.vocabulary.actors import Role


def a_queued(at: datetime, to: Role = Role.PATIENT, *, alarm: bool = False) -> queue.QueuedNotice:
    return queue.QueuedNotice(uuid4(), uuid4(), uuid4(), "k", to, (), CLINIC, alarm, at, ())


def test_a_patient_is_not_woken_but_by_an_alarm() -> None:
    """In California quiet hours begin at 21 and end at 8."""
    journey = course("PTSD").journey
    assert journey.patient.zone == "America/Los_Angeles"
    night, day = datetime(2026, 3, 3, 6, tzinfo=UTC), datetime(2026, 3, 3, 17, tzinfo=UTC)
    morning = datetime(2026, 3, 3, 16, tzinfo=UTC)
    assert quiet_until(a_queued(night), None, journey) == morning
    assert quiet_until(a_queued(day), None, journey) is None
    assert quiet_until(a_queued(night, alarm=True), None, journey) is None
    assert quiet_until(a_queued(night, Role.CLINICIAN), None, journey) is None
    assert quiet_until(a_queued(night), None, None) is None, "a journey that cannot be read keeps nothing back"


def test_what_the_protocol_asks_at_any_hour_does_not_wait_for_the_morning() -> None:
    night = datetime(2026, 3, 3, 6, tzinfo=UTC)
    opening, *events = course("PTSD").events
    journey, woken = fold([opening]), dict[str, bool]()
    for event in events:
        journey, body = evolve(journey, event), event.body
        if isinstance(body, e.ObligationEscalated) and body.to == Role.PATIENT and not body.alarm:
            policy = journey.waiting[body.obligation].escalation_policy
            woken[policy] = quiet_until(a_queued(night), event, journey) is None
    assert woken == {name: not journey.protocol.escalation_policies[name].quiet_hours for name in woken}
    assert woken["check_in_4h"]
    assert not woken["check_in_routine"]


def test_a_task_is_to_be_done_until_its_time_as_long_as_that_lies_ahead() -> None:
    play = after("session.end")
    event, told, waiting = next(
        (event, each, play.journey.waiting[each.about])
        for event in reversed(play.events)
        for each in notices(event)
        if each.about is not None and each.about in play.journey.waiting
    )

    keys = PatientKeys(bytes(32))

    def until_at(moment: datetime, notice_id: UUID | None = None) -> datetime | None:
        queued = a_queued(moment)._replace(id=notice_id or keys.of_notice(told))
        return until(keys, queued, event, play.journey)

    assert until_at(waiting.deadline - timedelta(seconds=1)) == waiting.deadline
    assert until_at(waiting.deadline) is None, "it is late already"
    assert until_at(VERIFIED, uuid4()) is None, "of another notice"
    queued = a_queued(VERIFIED)._replace(id=keys.of_notice(told))
    assert until(keys, queued, None, play.journey) is until(keys, queued, event, None) is None


def test_an_alarm_is_for_nobody_else_once_a_clinician_took_it_or_it_is_done() -> None:
    about = "support:support-1"
    play = after("session.end")
    play.do(c.RequestSupport(urgency="emergency", text="invented"), Role.PATIENT)

    def last_raised() -> e.Event:
        play.clock()
        return [
            event
            for event in play.events
            if isinstance(event.body, e.ObligationEscalated) and event.body.alarm and event.body.obligation == about
        ][-1]

    play.later(hours=1)
    raised = last_raised()
    assert settled(raised, play.journey) is None
    assert settled(None, play.journey) is None
    assert settled(raised, None) is None, "what cannot be read silences nothing"
    play.later(minutes=1).do(c.AcknowledgeAlarm(obligation=about, doing="invented"), Role.ON_CALL_CLINICIAN)
    assert settled(raised, play.journey) == "taken"
    play.later(hours=12)
    again = last_raised()
    assert again != raised
    assert settled(again, play.journey) is None, "it is raised anew, because it is not done"
    play.do(c.AnswerSupport(support="support-1", text="invented"), Role.ON_CALL_CLINICIAN)
    assert settled(again, play.journey) == "done"


def test_a_reminder_is_sent_to_nobody_once_its_task_is_done() -> None:
    """It may have waited for the morning. What was to be done in the place of it is told all the same."""
    opening, *events = course("PTSD").events
    journey, found = fold([opening]), dict[bool, int]()
    asked = [each for each in events if isinstance(each.body, e.ObligationEscalated) and each.body.action in ASKS]
    for event in events:
        journey = evolve(journey, event)
        if event in asked:
            assert settled(event, journey) is None
    for event in asked:
        done = event.body.obligation not in journey.waiting  # type: ignore[union-attr]
        assert settled(event, journey) == ("done" if done else None)
        found[done] = found.get(done, 0) + 1
        called = event.model_copy(update={"body": event.body.model_copy(update={"action": Action.LETTER})})
        assert settled(called, journey) is None
    assert found.get(True, 0) > 5
