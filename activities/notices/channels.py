"""Channels: the ways by which messages leave. Each sends one message, and says what became of it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, NamedTuple, TypeAlias
from uuid import UUID

import structlog

from activities.notices.calendar_entries import CalendarFile

log = structlog.get_logger("messages")

LOG = "log"
"""The channel where no other is connected."""


@dataclass(frozen=True)
class OutgoingMessage:
    """What one person is sent at one of their points. It says that there is a task, and nothing of what it is about.

    ``id`` stays the same however often it is sent: whoever receives it counts an id once. ``until`` is UTC.
    """

    id: str
    notice_id: UUID
    journey_id: UUID
    to: str
    address: str = field(repr=False)
    subject: str
    text: str = field(repr=False)
    alarm: bool = False
    until: datetime | None = None
    link: str | None = field(repr=False, default=None)
    calendar: tuple[CalendarFile, ...] = field(repr=False, default=())


class AttemptOutcome(NamedTuple):
    """What became of one attempt: the other side took it, or refuses it for good (``bounced``), or it may be tried
    again. ``code`` says why, in one word."""

    state: Literal["accepted", "bounced", "deferred"]
    code: str | None = None


ACCEPTED = AttemptOutcome("accepted")
Channel: TypeAlias = Callable[[OutgoingMessage], Awaitable[AttemptOutcome]]
"""Sends one message; it raises nothing, and takes no longer than its settings say."""
Channels: TypeAlias = Mapping[str, Channel]
"""The channels by their names."""


async def to_log(message: OutgoingMessage) -> AttemptOutcome:
    """Write to the log that there is a task, and whose."""
    write = log.critical if message.alarm else log.info
    write("message", notice_id=str(message.notice_id), journey_id=str(message.journey_id), to=message.to)
    return ACCEPTED
