"""A worker that fails with what it was given: a task of the workflow, and an activity. Each time it then goes on.

With CANARY_LEAK it also leaks, as a fault in the service might: the scan is to find that.
"""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from temporalio.converter import DefaultFailureConverter

import worker
from activities.record.store import Record
from activities.record.stored import Appended, NewEvent
from application.process import logs
from application.process.exit import begin, leave
from workflows import temporal_plugin
from workflows.journey.decided import Decided
from workflows.shell.ledger import Ledger

FAIL_TASK, FAIL_ACTIVITY = "fail the task", "fail the activity"
"""What a text has in it that a failure is to be made with."""
TIMES = 2
decide, append = Ledger.decide, Record.append
left = {FAIL_TASK: TIMES, FAIL_ACTIVITY: TIMES}


class Said(Exception):
    """A failure that says what was given."""


def fail_with(asked: str, content: str) -> None:
    if asked in content and left[asked]:
        left[asked] -= 1
        try:
            raise ValueError(content)
        except ValueError as cause:
            raise Said(content, {"given": content}) from cause


def failing_decide(self: Ledger, decided: Decided) -> Any:
    fail_with(FAIL_TASK, decided.model_dump_json())
    return decide(self, decided)


async def failing_append(
    self: Record, journey_id: Any, expected_version: int, events: Sequence[NewEvent], **more: Any
) -> Appended:
    fail_with(FAIL_ACTIVITY, " ".join(event.payload.decode() for event in events))
    return await append(self, journey_id, expected_version, events, **more)


def tell_exceptions() -> None:
    """Have the log say what an exception says."""

    def name(_logger: object, _method: str, event: Any) -> Any:
        info = event.pop("exc_info", None)
        return event | {"exception": repr(sys.exc_info()[1] if info is True else info)}

    logs._name_exception = name  # noqa: SLF001


def send_failures_in_clear() -> None:
    """Have failures keep their texts where Temporal sees them."""
    temporal_plugin.FailureConverter.__init__ = DefaultFailureConverter.__init__  # type: ignore[method-assign]


LEAKS: Mapping[str, Callable[[], None]] = {"logs": tell_exceptions, "Temporal": send_failures_in_clear}
"""What leaks, by the place in which it is found."""

if __name__ == "__main__":
    begin()
    leak = os.environ.get("CANARY_LEAK")
    if leak:
        LEAKS[leak]()
    Ledger.decide = failing_decide  # type: ignore[method-assign]
    Record.append = failing_append  # type: ignore[method-assign]
    leave(worker.main())
