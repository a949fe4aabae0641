"""How a run raises alarms: again until they are delivered, few at once, and never in the way of the run."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from temporalio import workflow

from tests.helpers import eventually
from tests.journey.play import Play
from tests.workflow.shell.run_parts import Answers, failure
from workflows import messages
from workflows.journey import commands as c
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.refusals import Refusal
from workflows.shell.alarms import Alarms


@pytest.mark.parametrize("stranger", [True, False])
async def test_an_alarm_that_fails_is_told_and_tried_again_and_keeps_no_run_from_going_on(
    play: Play, answers: Answers, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, *, stranger: bool
) -> None:
    """It stays with the last run, after which nobody would deliver it."""
    tries, pauses, go_on = list[Any](), list[timedelta](), asyncio.Event()

    def fail_twice(alarm: Any) -> bool:
        tries.append(alarm)
        if len(tries) < 3:
            raise failure("Invented")
        return True

    async def sleep(pause: timedelta, **_: Any) -> None:
        pauses.append(pause)
        await go_on.wait()

    answers["raise_alarm"] = fail_twice
    monkeypatch.setattr(workflow, "sleep", sleep)
    alarms = Alarms()
    harm = c.ReportAdverseEvent(what="invented", grade=4, serious=False, onset=play.at)
    raised = play.take(play.command(harm, Role.CLINICIAN))
    assert not isinstance(raised, Refusal)
    alarms.send(play.journey.clinic, raised, stranger=stranger)

    def stands() -> tuple[bool, bool]:
        return alarms.delivered, alarms.failed

    assert stands() == (False, False), "it is on its way"

    async def is_paused() -> bool:
        return bool(pauses)

    await eventually(is_paused)
    assert stands() == (True, True)
    assert "journey.activity_failed" in caplog.text
    go_on.set()

    async def has_left() -> bool:
        return len(tries) == 3 and stands() == (True, False)

    await eventually(has_left)
    assert pauses == [messages.MOMENT, 2 * messages.MOMENT]
    assert len({alarm.notices for alarm in tries}) == 1


@pytest.mark.parametrize(("bound", "stranger"), [("ALARMS_AT_ONCE", False), ("STRANGERS_ALARMS", True)])
async def test_however_many_alarms_wait_few_are_on_their_way(
    play: Play, answers: Answers, monkeypatch: pytest.MonkeyPatch, bound: str, *, stranger: bool
) -> None:
    """More activities than Temporal allows would fail every task of the run."""
    under_way, most, delivered = list[Any](), list[int](), asyncio.Event()

    async def deliver(_: Any, alarm: Any, **__: Any) -> bool:
        under_way.append(alarm)
        most.append(len(under_way))
        await delivered.wait()
        under_way.remove(alarm)
        return True

    monkeypatch.setattr(workflow, "execute_activity", deliver)
    monkeypatch.setattr(messages, bound, 3)
    alarms = Alarms()
    for _ in range(8):
        harm = c.ReportAdverseEvent(what="invented", grade=4, serious=False, onset=play.at)
        raised = play.take(play.command(harm, Role.CLINICIAN))
        assert not isinstance(raised, Refusal)
        alarms.send(play.journey.clinic, raised, stranger=stranger)

    async def full() -> bool:
        return len(under_way) == 3

    async def left() -> bool:
        return alarms.delivered

    await eventually(full)
    assert not alarms.delivered
    delivered.set()
    await eventually(left)
    assert (len(most), max(most)) == (8, 3)


async def test_a_bug_on_the_way_of_an_alarm_is_no_delivery(play: Play, answers: Answers) -> None:
    """It fails the task, as any other bug does: the alarm leaves once that is mended."""

    def bug(_: Any) -> None:
        raise ZeroDivisionError

    answers["raise_alarm"] = bug
    harm = c.ReportAdverseEvent(what="invented", grade=4, serious=False, onset=play.at)
    raised = play.take(play.command(harm, Role.CLINICIAN))
    assert not isinstance(raised, Refusal)
    alarms = Alarms()
    alarms.send(play.journey.clinic, raised)
    await asyncio.sleep(0)
    for asked in (lambda: alarms.delivered, lambda: alarms.send(play.journey.clinic, raised)):
        with pytest.raises(ZeroDivisionError):
            asked()
