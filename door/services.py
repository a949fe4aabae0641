"""Where the door reaches the world: settings, the record, Temporal, the clock. Tests hand in others."""

import getpass
import signal
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

from pydantic import SecretStr

from door.outcomes import ExitCode, Problem
from workflows.journey.aggregate import Journey, fold
from workflows.journey.commands import Command
from workflows.journey.events import Event

if TYPE_CHECKING:
    from activities.record import Record
    from activities.record.access_log import NewAccessLogEntry
    from application.journey_client import Running
    from application.settings import Settings

RECORDED_WITHIN = timedelta(seconds=5)
"""How long a person waits for "recorded" after "accepted"."""
DATABASE = "CAREPATH_DATABASE_URL"
TERMINAL = Path("/dev/tty")
"""The person's own terminal, also where standard input and output are files."""


class Gateway(Protocol):
    """What the door asks of Temporal. All of it raises `Problem`."""

    async def start(self, command: Command) -> None:
        """Start a journey; again is safe."""

    async def submit(self, journey_id: UUID, command: Command) -> int:
        """Send a command; answer the version of the journey after it, once it is accepted."""

    async def reopen(self, recorded: "Sequence[Event]", command: Command) -> int:
        """The same to a journey that has ended, which runs on for as long as it waits then."""

    async def look(self, journey_id: UUID) -> "Running | None":
        """A journey as Temporal has it; None when it knows none of this id."""

    async def resume(self, recorded: "Sequence[Event]") -> None:
        """Run a journey on from its recorded events, in the place of whatever runs under its id."""

    def journeys(self, query: str, limit: int) -> AsyncIterator[UUID]:
        """The journeys a list filter of Temporal finds."""


class Services:
    """The real ones. Each is opened when it is needed, so that reading works while Temporal is down."""

    def settings(self) -> "Settings":
        """Raises SettingsError."""
        from application.logs import configure_logging
        from application.settings import load_settings

        settings = load_settings()
        configure_logging(settings.log_level, settings.log_format)
        return settings

    def settings_without_servers(self) -> "Settings":
        """The same for commands that need no server: no database need be named.

        Raises SettingsError.
        """
        from application.settings import Settings, SettingsError, load_settings

        try:
            return load_settings()
        except SettingsError as error:
            if error.variables != (DATABASE,):
                raise
        return Settings(database_url=SecretStr("postgresql://not-needed"))

    def record(self) -> "AbstractAsyncContextManager[Record]":
        from activities.record import open_record

        return open_record(self.settings().database_url.get_secret_value())

    async def record_access(self, record: "Record", reading: "NewAccessLogEntry") -> None:
        """Keep that somebody looks, before they see anything."""
        from activities.record.access_log import record_access

        await record_access(record, reading)

    async def broke_glass(self, record: "Record", journey_id: UUID, reader_id: str) -> bool:
        """Whether somebody broke the glass of a journey, and may look still."""
        from activities.record.access_log import find_broken_glass

        return await find_broken_glass(record, journey_id, reader_id, self.now()) is not None

    async def awaiting_signatures(self, record: "Record", clinics: Sequence[str], limit: int) -> tuple[UUID, ...]:
        """The journeys of these clinics that wait for a signature, at most so many requests looked at."""
        from activities.record.read_models import sign_off_requests
        from door.lists.standing import at_head

        await at_head(record)
        found = await sign_off_requests(record, clinics=clinics, state="open", limit=limit)
        return tuple(dict.fromkeys(request.journey_id for request in found.rows))

    def gateway(self) -> AbstractAsyncContextManager[Gateway]:
        from door.temporal import connected

        return connected(self.settings())

    def now(self) -> datetime:
        return datetime.now(UTC)

    def ask(self, question: str, *, secret: bool = False) -> str:
        """What the person at the terminal answers; standard input stays free for a form. A secret is not shown.

        Raises:
            Problem: there is no terminal, or they stepped back.
        """
        try:
            with TERMINAL.open() as heard, TERMINAL.open("w") as said, _stopped_at_once():
                if secret:
                    return getpass.getpass(f"{question}: ")
                said.write(f"{question}: ")
                said.flush()
                answer = heard.readline()
        except OSError:
            raise Problem(
                ExitCode.USAGE,
                "signing needs a person at a terminal, and there is none",
                "Run it in a terminal; a passphrase comes from nowhere else",
            ) from None
        except (KeyboardInterrupt, EOFError):
            answer = ""
        if not answer.endswith("\n"):
            raise Problem(ExitCode.FAULT, "you stepped back", "Run it again when you want to go on")
        return answer.rstrip("\r\n")


@contextmanager
def _stopped_at_once() -> Iterator[None]:
    """Ctrl-C ends the question: a running event loop would only take note of the first one."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


async def load(services: Services, journey_id: UUID) -> Journey:
    """A journey as recorded.

    Raises:
        Problem: there is none.
    """
    return fold(await load_recorded(services, journey_id))


async def load_recorded(services: Services, journey_id: UUID) -> "Sequence[Event]":
    """The recorded events of a journey, oldest first.

    Raises:
        Problem: there is none.
    """
    from activities.record.event_codec import load_events

    async with services.record() as record:
        events = await load_events(record, journey_id)
    if not events:
        raise no_such_journey(journey_id)
    return events


def no_such_journey(journey_id: UUID) -> Problem:
    """The error for an id that nothing is recorded under."""
    return Problem(
        ExitCode.NOT_FOUND,
        "there is no journey of this id",
        "See `pathway list`; ids look like 00000000-0000-0000-0000-000000000000",
        ids={"journey_id": str(journey_id)},
    )
