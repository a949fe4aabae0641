"""A run without Temporal: its time and its answers are given by the test."""

import logging
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from temporalio import workflow
from temporalio.common import TypedSearchAttributes

from tests.journey.play import Play, before
from tests.workflow.shell.run_parts import Answers, Left, Over, Run
from workflows.messages import JourneyInput, RecordedState, SignatureResult


@pytest.fixture
def play() -> Play:
    return before("signoff.sign")


@pytest.fixture
def answers(play: Play, monkeypatch: pytest.MonkeyPatch) -> Answers:
    """What is answered. An alarm is delivered, everybody is who they say, and the record has what the run began with.

    A coroutine of a run goes as far as it can without waiting."""
    given: Answers = {
        "raise_alarm": lambda _: True,
        "verify_signature": lambda _: SignatureResult(),
        "catch_up_with_record": lambda _: RecordedState(run_id="run"),
    }

    async def answer(activity: Any, asked: Any, **_: Any) -> Any:
        return given[activity.__name__](asked)

    async def wait_for(condition: Callable[[], bool], **_: Any) -> None:
        if not condition():
            raise Over

    async def sleep(*_: Any, **__: Any) -> None:
        raise Over

    def leave(given: JourneyInput, **_: Any) -> None:
        raise Left(given)

    info = SimpleNamespace(
        run_id="run",
        original_execution_run_id="run",
        typed_search_attributes=TypedSearchAttributes.empty,
        get_current_history_length=lambda: 1,
        get_current_history_size=lambda: 1,
        is_continue_as_new_suggested=lambda: False,
        is_target_worker_deployment_version_changed=lambda: False,
    )
    for name, stands_in in {
        "execute_activity": answer,
        "wait_condition": wait_for,
        "sleep": sleep,
        "continue_as_new": leave,
        "cancellation_reason": lambda: None,
        "now": lambda: play.at,
        "info": lambda: info,
        "logger": logging.getLogger(__name__),
        "uuid4": lambda: UUID(int=1),
        "extern_functions": dict,
        "all_handlers_finished": lambda: True,
        "register_random_seed_callback": lambda _: None,
        "set_current_details": lambda _: None,
        "upsert_search_attributes": lambda _: None,
    }.items():
        monkeypatch.setattr(workflow, name, stands_in)
    return given


@pytest.fixture
def run(play: Play, answers: Answers) -> Run:
    return Run(play)
