"""How a run goes on: what wakes it, what comes by hand, when it leaves, and that nothing ends its journey."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from temporalio import workflow
from temporalio.api.common.v1 import Payload
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError, CancelledError, FailureError

from simulation.keys import Signers
from tests.helpers import eventually
from tests.journey.play import Play
from tests.workflow.shell.run_parts import HOLD, Answers, Left, failure, follow, recorded
from workflows import care_journey, messages
from workflows.authenticity import Foreign, mark_authentic
from workflows.care_journey import CareJourney
from workflows.journey.decided import Batch
from workflows.journey.protocol import SignOffKind
from workflows.journey.vocabulary.actors import Role
from workflows.messages import JourneyInput, Others, Recorded, RecordedState
from workflows.shell.answers import UpdateRefused


@asynccontextmanager
async def running(play: Play, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[CareJourney, asyncio.Task[Any]]]:
    """A whole run, whose coroutines wait for each other, and never for time."""

    async def wait_for(condition: Callable[[], bool], **_: Any) -> None:
        while not condition():  # noqa: ASYNC110 - as Temporal does: it asks again whenever anything has happened
            await asyncio.sleep(0)

    async def sleep(duration: Any, **_: Any) -> None:
        await (asyncio.sleep(0) if duration == messages.MOMENTARY else asyncio.Event().wait())

    monkeypatch.setattr(workflow, "wait_condition", wait_for)
    monkeypatch.setattr(workflow, "sleep", sleep)
    others = asyncio.all_tasks()
    given = JourneyInput(journey=play.journey, receipts=play.receipts)
    journey = CareJourney(given)
    task = asyncio.create_task(journey.run(given))
    yield journey, task
    for each in asyncio.all_tasks() - others:
        each.cancel()
    await asyncio.wait([task])


@pytest.mark.parametrize("authentic", [True, False])
@pytest.mark.parametrize("way", ["signal", "update"])
@pytest.mark.parametrize("what", ["a hold", "a signed decision"])
async def test_what_came_by_hand_is_recorded_as_that(
    play: Play,
    answers: Answers,
    signers: Signers,
    monkeypatch: pytest.MonkeyPatch,
    what: str,
    way: str,
    authentic: bool,
) -> None:
    """Also where it is decided again, after what the record has."""
    command = play.command(HOLD, Role.COORDINATOR)
    if what == "a signed decision":
        unsigned = play.command(play.signature(SignOffKind.EVALUATION), Role.CLINICIAN)
        bare = unsigned.model_copy(update={"body": unsigned.body.model_copy(update={"signature": None})})
        command = signers.signed(play.journey.id, bare, play.at)
    batches: list[Batch] = []

    def append(batch: Batch) -> Recorded:
        batches.append(batch)
        if len(batches) == 2:
            follow(play, batch.commands, batch.last_version)
            return Recorded(version=batch.last_version, position=9)
        return Recorded(version=batch.expected_version, position=8)

    before_it = recorded(play)
    answers["append_to_record"] = append
    answers["catch_up_with_record"] = lambda _: RecordedState(state=before_it if batches else None, run_id="run")
    content = command.model_dump_json().encode()
    async with running(play, monkeypatch) as (journey, _):
        if way == "signal":
            payload = Payload(data=content)
            journey.receive("command", [RawValue(mark_authentic(payload) if authentic else payload)])
        else:
            submit: Any = journey.submit
            await submit(command if authentic else Foreign(content))

        async def all_recorded() -> bool:
            return journey.status().recorded > before_it.journey.version

        await eventually(all_recorded)
    first, again = ([each.decided for each in batch.commands] for batch in batches)
    assert [each.authentic for each in (*first, *again)] == [authentic, authentic]
    assert [each.command.command_id for each in (*first, *again)] == [command.command_id] * 2


async def test_whoever_wakes_a_run_again_and_again_does_not_keep_it_from_leaving(
    play: Play, answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers["look_at_others"] = lambda _: Others(elsewhere=play.journey.elsewhere, position=7)
    answers["append_to_record"] = lambda batch: Recorded(version=batch.last_version, position=9)
    async with running(play, monkeypatch) as (journey, task):
        for _ in range(messages.SIGNALS_IN_RUN // 2):
            await asyncio.sleep(0)
            assert not task.done()
            journey.show()
            journey.look()
        with pytest.raises(Left) as left:
            await task
    assert left.value.given.look, "the next run looks"


@pytest.mark.parametrize(
    ("escaped", "ends"),
    [
        (TimeoutError(), False),
        (failure("Invented"), False),
        (CancelledError("invented"), False),
        (ApplicationError("invented"), False),
        (ZeroDivisionError(), False),
        (UpdateRefused(messages.ALREADY_OPEN), True),
    ],
    ids=lambda given: type(given).__name__,
)
async def test_nothing_but_a_refusal_ends_a_journey(
    play: Play, answers: Answers, monkeypatch: pytest.MonkeyPatch, *, escaped: Exception, ends: bool
) -> None:
    """Temporal fails a run for any failure, or time-out, that escapes. Of anything else it fails the task."""

    async def escape(*_: Any) -> None:
        raise escaped

    monkeypatch.setattr(care_journey, "keep_time", escape)
    async with running(play, monkeypatch) as (_, task):
        await asyncio.wait([task])
        raised = task.exception()
    assert isinstance(raised, FailureError | TimeoutError) == ends
    assert escaped in (raised, raised and raised.__cause__)


def test_whoever_asks_a_run_whose_start_was_refused_is_told_why(answers: Answers) -> None:
    refused = CareJourney(Foreign(b""))
    for query in (refused.status, refused.obligations, refused.timeline):
        with pytest.raises(ApplicationError, match="without the keys"):
            query()
