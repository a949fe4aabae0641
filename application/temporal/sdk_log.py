"""What the native part of Temporal's SDK says of itself, in the log of this process.

Its sentences may quote anything, and its own lines would go to standard output, which belongs to data. So only what
kind of thing it says is logged, with the ids of the run: once, and again after a while with how often it was said.
"""

import logging
from collections import Counter
from collections.abc import Callable
from time import monotonic

import structlog
from temporalio.runtime import LogForwardingConfig, LoggingConfig, TelemetryFilter

log = structlog.get_logger("temporal")

SAID_AGAIN = 60.0
"""Seconds after which the same is logged again, if it was said meanwhile."""
KINDS = {
    "Task not found": "task_gone",
    "Activity not found": "task_gone",
    "Query not found": "task_gone",
    "Network error": "unreachable",
    "gRPC call": "unreachable",
    "Error while polling": "unreachable",
    "Error reporting WFT": "unreachable",
    "Failing workflow": "task_failed",
}
"""What a sentence is about, by how it begins. docs/how-to/monitor.md says what to do about each."""
OTHER = "other"


class SdkLog(logging.Handler):
    """Logs what the SDK says as an event of ours."""

    def __init__(self, now: Callable[[], float] = monotonic) -> None:
        super().__init__()
        self._now = now
        self._said: Counter[str] = Counter()
        self._logged: dict[str, float] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Log what kind of thing is said, unless that was logged a moment ago."""
        said = str(record.msg)
        kind = next((kind for start, kind in KINDS.items() if said.startswith(start)), OTHER)
        self._said[kind] += 1
        last = self._logged.get(kind)
        if last is not None and self._now() - last < SAID_AGAIN:
            return
        self._logged[kind], counted = self._now(), self._said.pop(kind)
        fields = getattr(getattr(record, "temporal_log", None), "fields", {})
        tell = log.error if record.levelno >= logging.ERROR else log.warning
        run_id, workflow_id = fields.get("run_id"), fields.get("workflow_id")
        tell("temporal.sdk_said", kind=kind, counted=counted, workflow_id=workflow_id, run_id=run_id)


def sdk_logging() -> LoggingConfig:
    """Return how the runtime of a worker's client logs: warnings and errors, as events of ours."""
    said = logging.getLogger("temporalio.sdk")
    said.handlers, said.propagate = [SdkLog()], False
    said.setLevel(logging.WARNING)
    return LoggingConfig(
        filter=TelemetryFilter(core_level="WARN", other_level="ERROR"),
        forwarding=LogForwardingConfig(
            said,
            append_target_to_name=False,
            prepend_target_on_message=False,
            append_log_fields_to_message=False,
        ),
    )
