"""What the SDK says is logged as an event, by its kind, and not again and again."""

import logging
from types import SimpleNamespace

import pytest
from structlog.testing import capture_logs

from application.temporal.sdk_log import SAID_AGAIN, SdkLog


def say(log: SdkLog, said: str, level: int = logging.WARNING, **fields: str) -> None:
    record = logging.LogRecord("temporalio.sdk", level, "(sdk)", 0, said, (), None)
    record.temporal_log = SimpleNamespace(fields=fields)
    log.emit(record)


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("Task not found when completing", "task_gone"),
        ("Activity not found on completion. This may happen if the activity has already been cancelled", "task_gone"),
        ("Network error while completing activity", "unreachable"),
        ("gRPC call poll_workflow_task_queue retried 5 times", "unreachable"),
        ("Failing workflow task", "task_failed"),
        ("invented: chest pain", "other"),
    ],
)
def test_it_is_logged_by_its_kind_and_quotes_nothing(said: str, kind: str) -> None:
    with capture_logs() as logs:
        say(SdkLog(), said, run_id="run", details="invented: chest pain")
    assert logs == [
        {
            "event": "temporal.sdk_said",
            "log_level": "warning",
            "kind": kind,
            "counted": 1,
            "workflow_id": None,
            "run_id": "run",
        }
    ]


def test_a_flood_of_it_is_counted() -> None:
    now = 0.0
    log = SdkLog(lambda: now)
    with capture_logs() as logs:
        for _ in range(1000):
            say(log, "Task not found when completing")
        say(log, "Network error while completing activity", logging.ERROR)
        now = SAID_AGAIN
        say(log, "Task not found when completing")
    told = [(line["kind"], line["counted"], line["log_level"]) for line in logs]
    assert told == [("task_gone", 1, "warning"), ("unreachable", 1, "error"), ("task_gone", 1000, "warning")]
