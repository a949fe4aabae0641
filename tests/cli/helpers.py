"""The door on services in memory: the same core decides, nothing is sent anywhere."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from pydantic import SecretStr
from typer.testing import CliRunner

from activities.record import Enrolment, Head, NotYetRecorded, Record, StoredEvent
from activities.record.access_log import NewAccessLogEntry
from activities.record.event_codec import to_new
from application.journey_client import Running
from application.settings import Settings
from door.app import app
from door.outcomes import ExitCode, Problem, refused
from door.services import Gateway, Services, no_such_journey
from simulation.keys import PASSPHRASE
from simulation.people import CLINIC, PEOPLE, profile
from workflows.journey.actors import Role
from workflows.journey.aggregate import Journey, fold
from workflows.journey.commands import Command, StartPathway
from workflows.journey.decide import decide
from workflows.journey.events import Event
from workflows.journey.refusals import Refusal

START = datetime(2026, 3, 2, 17, 0, tzinfo=UTC)
EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


LOOKER = Path(__file__).parent / "looker.json"
"""Who looks where a test does not say: an invented coordinator of both clinics."""


class MemoryRecord(Record):
    """What the door asks of a record, kept in lists. ``asleep``: nothing arrives."""

    def __init__(self) -> None:
        self.journeys: dict[UUID, list[Event]] = {}
        self.enrolled: dict[UUID, tuple[bytes, str, UUID]] = {}
        self.asleep = False

    async def load(self, journey_id: UUID, *, after_version: int = 0) -> tuple[StoredEvent, ...]:
        return tuple(
            StoredEvent(
                **to_new(event).model_dump(),
                log_id=1,
                position=event.version,
                journey_id=journey_id,
                version=event.version,
                recorded_at=event.at,
                content_hash=b"",
                journey_hash=b"",
                log_hash=b"",
            )
            for event in self.journeys.get(journey_id, [])
            if event.version > after_version
        )

    async def head(self, journey_id: UUID) -> Head | None:
        events = self.journeys.get(journey_id)
        if events is None:
            return None
        return Head(journey_id=journey_id, version=len(events), position=len(events), status="open")

    async def enrol(self, *, patient_key: bytes, pathway: str, request_id: UUID, journey_id: UUID) -> Enrolment:
        known = self.enrolled.get(request_id)
        if known is not None:
            same = known == (patient_key, pathway, journey_id)
            outcome = "same_request" if same else "other_request"
            return Enrolment.model_validate(
                {"outcome": outcome, "journey_id": journey_id, "request_id": request_id},
            )
        for request, (patient, path, active) in self.enrolled.items():
            if (patient, path) == (patient_key, pathway):
                return Enrolment(outcome="active", journey_id=active, request_id=request)
        self.enrolled[request_id] = (patient_key, pathway, journey_id)
        self.journeys.setdefault(journey_id, [])
        return Enrolment(outcome="enrolled", journey_id=journey_id, request_id=request_id)

    async def wait_for(self, journey_id: UUID, version: int, timeout: timedelta) -> int:
        if self.asleep or len(self.journeys[journey_id]) < version:
            raise NotYetRecorded
        return len(self.journeys[journey_id])

    def state(self, journey_id: UUID) -> Journey:
        return fold(self.journeys[journey_id])


class Memory(Services):
    """Services in memory at a moment that tests move."""

    def __init__(self, *, demonstration: bool = True, protocols_dir: Path | None = None) -> None:
        self.books = MemoryRecord()
        self.at = START
        self.down = False
        self.received: list[Command] = []
        self.readings: list[NewAccessLogEntry] = []
        self.questions: list[str] = []
        self.answers: list[str] = []
        self.person = PEOPLE[Role.CLINICIAN].id
        """Who sits at the terminal: they know their id, and the passphrase."""
        self._settings = Settings(
            database_url=SecretStr("postgresql://nowhere"),
            demonstration=demonstration,
            protocols_dir=protocols_dir,
            profile=LOOKER,
        )

    def without_a_profile(self) -> "Memory":
        """The same, where nobody has said who acts."""
        self._settings = self._settings.model_copy(update={"profile": None})
        return self

    def settings(self) -> Settings:
        return self._settings

    def settings_without_servers(self) -> Settings:
        return self._settings

    @asynccontextmanager
    async def record(self) -> AsyncIterator[Record]:
        yield self.books

    @asynccontextmanager
    async def gateway(self) -> AsyncIterator[Gateway]:
        if self.down:
            raise Problem(ExitCode.UNAVAILABLE, "Temporal cannot be reached", "Run the same command again")
        yield MemoryGateway(self)

    async def record_access(self, record: Record, reading: NewAccessLogEntry) -> None:
        self.readings.append(reading)

    async def broke_glass(self, record: Record, journey_id: UUID, reader_id: str) -> bool:
        return any(
            journey_id in reading.journeys and reading.reader_id == reader_id and reading.until > self.at
            for reading in self.readings
            if reading.until is not None
        )

    async def awaiting_signatures(self, record: Record, clinics: Sequence[str], limit: int) -> tuple[UUID, ...]:
        return tuple(self.books.journeys)[:limit]

    def now(self) -> datetime:
        return self.at

    def ask(self, question: str, *, secret: bool = False) -> str:
        self.questions.append(question)
        return PASSPHRASE if secret else self.answers.pop(0) if self.answers else self.person


class MemoryGateway:
    """Decides at once and records at once."""

    def __init__(self, services: Memory) -> None:
        self._services = services

    async def start(self, command: Command) -> None:
        assert isinstance(command.body, StartPathway)
        events = self._services.books.journeys.setdefault(command.body.journey_id, [])
        decided = decide(None, command, self._services.at)
        assert not isinstance(decided, Refusal)
        if not events:
            events.extend(decided)

    async def submit(self, journey_id: UUID, command: Command) -> int:
        self._services.received.append(command)
        events = self._services.books.journeys.get(journey_id)
        if not events:
            raise no_such_journey(journey_id)
        # As it travels: the shell parses what the door sends.
        parsed = Command.model_validate_json(command.model_dump_json())
        decided = decide(fold(events), parsed, self._services.at)
        if isinstance(decided, Refusal):
            raise refused(decided, state="Nothing changed.", ids={"command_id": str(command.command_id)})
        events.extend(decided)
        return fold(events).commands[str(command.command_id)].version

    async def reopen(self, journey: Journey, command: Command) -> int:
        return await self.submit(journey.id, command)

    async def look(self, journey_id: UUID) -> Running | None:
        journey = self._services.books.state(journey_id)
        return Running(runs=True, version=journey.version, recorded=journey.version, health="open")

    async def resume(self, journey: Journey) -> None:
        raise AssertionError("nothing was lost")

    async def journeys(self, query: str, limit: int) -> AsyncIterator[UUID]:
        for journey_id in list(self._services.books.journeys)[:limit]:
            yield journey_id


class Answer:
    """What a call of the door gave: its exit code, both outputs, and its JSON."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def error(self) -> Any:
        return json.loads(self.err)

    @property
    def fields(self) -> dict[str, str]:
        return {entry["field"]: entry["problem"] for entry in self.error["fields"]}


def call(services: Services, *arguments: str, given: Any = None, raw: bytes | None = None) -> Answer:
    """Call the door in this process, with ``given`` as JSON on standard input."""
    sent = raw if raw is not None else b"" if given is None else json.dumps(given).encode()
    result = CliRunner().invoke(app, list(arguments), input=sent, obj=services, env={"NO_COLOR": "1"})
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Answer(result.exit_code, result.stdout, result.stderr)


def write_profiles(directory: Path) -> dict[Role, str]:
    """A profile file for each invented person."""
    directory.mkdir(exist_ok=True)
    written = {}
    for role, person in PEOPLE.items():
        path = directory / f"{role.value}.json"
        path.write_text(profile(person, CLINIC, "night-clinic"))
        written[role] = str(path)
    return written


def referral(**changes: Any) -> dict[str, Any]:
    """The example referral, changed."""
    whole: dict[str, Any] = json.loads((EXAMPLES / "referral-ptsd.json").read_text())
    return whole | changes
