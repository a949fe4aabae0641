"""Logs: structlog events on standard error, with opaque ids and nothing else about people.

Only listed keys are logged. A key that nobody thought of is dropped.
"""

import logging
import re
import sys
from typing import Literal

import structlog
from structlog.typing import EventDict, Processor

OF_EVERY_LINE = ("event", "level", "timestamp", "logger", "exception")
LOGGED = (
    "activity", "actual", "attempt", "builds", "by", "claim", "claimed_by", "code", "command_id", "counted",
    "definition", "different", "drift", "error", "generation", "half", "journey_id", "key_id", "kind", "limit",
    "looked_at", "most", "notice_id", "number", "page_id", "people", "run_id", "seconds", "session", "sha256", "stage",
    "task_queue", "to", "used", "version", "workflow_id",
)  # fmt: skip
"""Keys an event may carry beside those: ids, numbers, codes, and names of error classes."""
_WORD = re.compile(r"[\w.,:/+@-]{1,200}")
"""What the value of such a key looks like: one word, or several with a comma between them.

Whatever has a space in it may be a sentence about somebody.
"""

LIBRARIES = "WARNING"


def choose_loggable(_logger: object, _method: str, event: EventDict) -> EventDict:
    """What of an event may be logged. A value that is no word is left out, and that is seen; None says nothing."""
    kept = {key: value for key, value in event.items() if key in OF_EVERY_LINE}
    words = {key: value for key, value in event.items() if key in LOGGED and value is not None}
    return kept | {key: value if _WORD.fullmatch(str(value)) else "[not shown]" for key, value in words.items()}


def _of_libraries(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Keep of what libraries log the words their authors wrote, and the ids that Temporal's loggers add. What is filled
    in, and what follows the first line or a bracket, may quote payloads.
    """
    record = event["_record"]
    event["event"] = str(record.msg).partition("\n")[0].partition(" (")[0]
    for source in ("temporal_workflow", "temporal_activity"):
        bound = getattr(record, source, None)
        if isinstance(bound, dict):
            event["workflow_id"] = bound.get("workflow_id")
            event["run_id"] = bound.get("run_id") or bound.get("workflow_run_id")
            event["attempt"] = bound.get("attempt")
    return event


def _name_exception(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Log an exception by its type and its place, never by its text or local variables."""
    info = event.pop("exc_info", None)
    if info is True:
        info = sys.exc_info()
    if isinstance(info, BaseException):
        info = (type(info), info, info.__traceback__)
    if isinstance(info, tuple) and info[0] is not None:
        traceback = info[2]
        while traceback is not None and traceback.tb_next is not None:
            traceback = traceback.tb_next
        where = "" if traceback is None else f" at {traceback.tb_frame.f_globals.get('__name__')}:{traceback.tb_lineno}"
        event["exception"] = f"{info[0].__name__}{where}"
    return event


def configure_logging(level: str, form: Literal["console", "json"]) -> None:
    """Send structlog's and the standard library's events to standard error, in one form."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _name_exception,
    ]
    renderer: Processor = (
        structlog.processors.JSONRenderer()
        if form == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder(allow=LOGGED), _of_libraries],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, choose_loggable, renderer],
        )
    )
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for library in ("temporalio", "asyncio", "asyncpg", "httpx2", "httpcore2"):
        logging.getLogger(library).setLevel(max(logging.getLevelName(LIBRARIES), logging.getLevelName(level)))
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
