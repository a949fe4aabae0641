"""One request: settings, the person who acts, the record and Temporal, each opened once, when it is first needed.

So reading works while Temporal is down, and a use case that needs no server opens none. Close a context after use:
``async with Context(...) as context``.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from copy import copy
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, Protocol, Self, TypeAlias

import structlog
from pydantic import Field, SecretStr, StringConstraints

from activities.record import Record, RecordUnavailable
from activities.record.access_log import AccessLogEntry, Purpose
from activities.record.verification.builds import Builds
from activities.record.watching import now as time_of
from application.caches.histories import Histories
from application.caches.proofs import Proofs
from application.caches.registers import Registers
from application.errors import InvalidInput, RecordNotOpened, SettingsError, SteppedBack
from application.process.sealing import open_sealed
from application.profiles import Profile, profile_path, read_profile
from application.settings import Settings, load_settings, projector_url
from application.temporal.journeys import Journeys
from workflows.journey.vocabulary.actors import Actor, Role
from workflows.journey.vocabulary.base import InputModel
from workflows.journey.vocabulary.proof import SessionCertificate
from workflows.journey.vocabulary.signed_statement import (
    DelegationStatement,
    ProtocolStatement,
    Signature,
    SignatureHeader,
    Statement,
)

CLOCKS_DIFFER = timedelta(seconds=30)
"""How far the clock of a machine may be from the record's, until ops are told."""
DATABASE = "CAREPATH_DATABASE_URL"
TERMINAL, LINK = "terminal", "link"
"""The ways by which patients and observers are let in: by the command line, and by a link in a message."""
PURPOSES = {
    Role.PATIENT: Purpose.PATIENT_REQUEST,
    Role.COORDINATOR: Purpose.CARE_MANAGEMENT,
    Role.OPS: Purpose.SYSTEM_ADMINISTRATION,
}
"""The purpose of a look by role, unless the person names another. All other roles look for treatment."""

log = structlog.get_logger("context")


def clocks_differ(ahead: timedelta) -> bool:
    """Whether the clock of a machine is so far ahead of the record's, or behind it, that ops are told."""
    return abs(ahead) > CLOCKS_DIFFER


class Ask(Protocol):
    """A function by which a way in asks the person who acts. A ``secret`` answer is not shown."""

    def __call__(self, question: str, *, secret: bool = False) -> str:
        """Raises `UseCaseError` when there is nobody to ask, or they do not answer."""


def ask_nobody(question: str, *, secret: bool = False) -> str:  # noqa: ARG001 - the form of `Ask`
    """Refuse to ask: used where nobody can answer."""
    raise SteppedBack("there is nobody to ask here", "Act from where a person can be asked")


Stated: TypeAlias = Callable[[SignatureHeader], Statement | DelegationStatement | ProtocolStatement]
"""What is signed, once the header of the signature is known."""


class SignWith(Protocol):
    """Signs something for the person who acts, at a moment (UTC), to count until another one; where none is said, as
    long as a decision does."""

    def __call__(self, stated: Stated, at: datetime, until: datetime | None = None) -> Signature: ...


class KeptSession(InputModel):
    """A working session and its key (hex): with both, somebody acts as its person until it ends."""

    format: Literal["care-pathway/session-file/1"] = "care-pathway/session-file/1"
    session: SessionCertificate
    key: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$"), Field(repr=False)]


@asynccontextmanager
async def record_of(settings: Settings) -> AsyncIterator[Record]:
    """Open the record that the settings name.

    Raises:
        SettingsError: it is of a demonstration and they are not, or the other way round.
        RecordUnavailable, RecordFault: it cannot be reached.
    """
    async with open_sealed(settings) as record:
        await require_same_kind(record, settings)
        yield record


async def require_same_kind(record: Record, settings: Settings) -> None:
    """Require that the settings allow demonstrations where the log was made for one, and nowhere else.

    Raises:
        SettingsError: they do not.
        RecordUnavailable, RecordFault: the record cannot be reached.
    """
    demonstration = (await record.log()).demonstration
    if demonstration != settings.demonstration:
        made_for = (
            "a demonstration, and never has patients" if demonstration else "patients, and never has demonstrations"
        )
        raise SettingsError(
            [
                (
                    "CAREPATH_DEMONSTRATION",
                    f"is {str(settings.demonstration).lower()}, but this database was made for {made_for}",
                )
            ]
        )


def utc_now() -> datetime:
    return datetime.now(UTC)


@asynccontextmanager
async def connect_to_temporal(settings: Settings) -> AsyncIterator[Journeys]:
    """Connect to Temporal, and return the journeys that it runs.

    Raises:
        SettingsError: Temporal's settings cannot be used.
        Unavailable: it cannot be reached.
    """
    # Temporal's client takes longer to import than everything else, and most requests do not need it. So it is
    # imported here and nowhere else.
    from application.temporal.client import connect  # noqa: PLC0415 - as said

    async with connect(settings) as journeys:
        yield journeys


class Context:
    """One request of one person.

    ``profile`` is the name or file of the person who acts, and ``purpose`` why they look; None takes the profile from
    the settings and the purpose from the role. ``load``, ``open_record`` and ``connect`` provide settings, the record
    and Temporal: a program that serves many requests opens each once for all of them, and keeps its ``proofs``, the
    ``histories`` and ``registers`` that it read, and the ``builds`` that it asks.

    Whoever signed in with a passkey has no profile and no key file: ``person``, ``session`` and ``sign_with`` are then
    who acts, their working session, and what signs for them. Nor has whom a link let in: then ``let_in_by`` says so.
    It is by what the service knows who has no key of their own; None: by nothing, and they are not let in.

    ``as_seen`` is an entry of the access log that is shown again: what is read ends at the position of that time,
    ``now`` is the time of that look, and nothing new is recorded.
    """

    as_seen: AccessLogEntry | None = None
    ahead: timedelta = timedelta()
    """How far the clock of this machine is ahead of the record's, where `go_by_record` found out."""
    _ahead_told: timedelta = timedelta()

    def __init__(
        self,
        *,
        profile: str | None = None,
        purpose: str | None = None,
        person: Profile | None = None,
        session: KeptSession | None = None,
        sign_with: SignWith | None = None,
        let_in_by: str | None = TERMINAL,
        ask: Ask = ask_nobody,
        now: Callable[[], datetime] = utc_now,
        load: Callable[[], Settings] = load_settings,
        open_record: Callable[[Settings], AbstractAsyncContextManager[Record]] = record_of,
        connect: Callable[[Settings], AbstractAsyncContextManager[Journeys]] = connect_to_temporal,
        proofs: Proofs | None = None,
        histories: Histories | None = None,
        registers: Registers | None = None,
        builds: Builds | None = None,
    ) -> None:
        self.ask = ask
        self.session = session
        self.sign_with = sign_with
        self.let_in_by = let_in_by
        self.proofs = Proofs() if proofs is None else proofs
        self.histories = Histories() if histories is None else histories
        self.registers = Registers() if registers is None else registers
        self._builds = builds
        self.has_profile = person is None
        self._person = person
        self._load = load
        self._open_record = open_record
        self._connect = connect
        self._profile = profile
        self._purpose = purpose
        self._now = now
        self._lacking: SettingsError | None = None
        self._record: Record | None = None
        self._journeys: Journeys | None = None
        self._opening = asyncio.Lock()
        self._exits = AsyncExitStack()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._exits.aclose()

    @cached_property
    def settings(self) -> Settings:
        """Return the settings. If only the database is missing, they still serve use cases that need none.

        Raises:
            SettingsError: they cannot be used.
        """
        try:
            return self._load()
        except SettingsError as error:
            if error.variables != (DATABASE,):
                raise
            self._lacking = error
        return load_settings(database_url=SecretStr("postgresql://not-needed"))

    @cached_property
    def profile_path(self) -> Path:
        """Return the profile file of the person who acts. Their key is beside it.

        Raises:
            InvalidInput: no profile was named.
        """
        return profile_path(self._profile, self.settings.profile)

    @cached_property
    def person(self) -> Profile:
        """Return who acts, and for which clinics they work.

        Raises:
            InvalidInput, NotAllowed: the profile cannot be used.
        """
        return self._person or read_profile(self.profile_path)

    @property
    def actor(self) -> Actor:
        """Who acts, as commands name them.

        Raises:
            InvalidInput, NotAllowed: as `person`.
        """
        return self.person.actor

    @cached_property
    def purpose(self) -> Purpose:
        """Return why the person looks.

        Raises:
            InvalidInput: there is no such purpose.
        """
        if self._purpose is None:
            return PURPOSES.get(self.person.role, Purpose.TREATMENT)
        offered = [code for code in Purpose if code != Purpose.BREAK_THE_GLASS]
        if self._purpose.upper() not in offered:
            raise InvalidInput("--purpose is none", f"One of: {', '.join(offered)}")
        return Purpose(self._purpose.upper())

    @cached_property
    def builds(self) -> Builds:
        """The builds that derive what other rules decided."""
        return Builds(self.settings.builds_file) if self._builds is None else self._builds

    def now(self) -> datetime:
        """The time (UTC)."""
        return self._now() - self.ahead if self.as_seen is None else self.as_seen.clock

    async def go_by_record(self) -> None:
        """Take the time from the record from now on: what is compared must not hang on this machine's clock. That the
        two differ, or do no longer, is logged once for each change.

        Raises:
            RecordUnavailable, RecordFault: as the record does.
        """
        there = await time_of(await self.record())
        # Asked after it: however long the answer took, the time taken from now on is not ahead of the record's.
        self.ahead = utc_now() - there
        if abs(self.ahead - self._ahead_told) > CLOCKS_DIFFER:
            differ, seconds = clocks_differ(self.ahead), round(self.ahead.total_seconds())
            self._ahead_told = self.ahead if differ else timedelta()
            if differ:
                log.error("clock.differs", seconds=seconds)
            else:
                log.warning("clock.agrees", seconds=seconds)

    @property
    def up_to(self) -> int | None:
        """The position of the record up to which is read; None for everything."""
        return None if self.as_seen is None else self.as_seen.position

    async def record(self) -> Record:
        """The record.

        Raises:
            SettingsError: no database is named.
            RecordUnavailable, RecordFault: it cannot be reached.
        """
        async with self._opening:
            if self._record is None:
                settings = self.settings
                if self._lacking is not None:
                    raise self._lacking
                try:
                    self._record = await self._exits.enter_async_context(self._open_record(settings))
                except RecordUnavailable as away:
                    # All that is sent goes by the journeys, or into the record.
                    raise (away if self._journeys else RecordNotOpened(away.code)) from None
        return self._record

    async def journeys(self) -> Journeys:
        """The journeys that Temporal runs.

        Raises:
            SettingsError: Temporal's settings cannot be used.
            Unavailable: it cannot be reached.
        """
        async with self._opening:
            if self._journeys is None:
                self._journeys = await self._exits.enter_async_context(self._connect(self.settings))
        return self._journeys

    def as_it_was(self, entry: AccessLogEntry) -> "Context":
        """Return a request that reads what somebody read at an earlier look. It closes with this one."""
        past = copy(self)
        past.as_seen = entry
        return past

    @asynccontextmanager
    async def lists(self) -> AsyncIterator[Record]:
        """The record as who writes the read models.

        Raises:
            SettingsError: the settings do not name that role's connection.
            RecordUnavailable, RecordFault: it cannot be reached.
        """
        async with open_sealed(self.settings, projector_url(self.settings)) as record:
            yield record
