"""The command line in this process: on a real record, with a clock and a person that tests move.

Temporal is stood in for by `DirectJourneys`: it decides by the same core on what is recorded, and appends to the real
record, at the test's own time. What a real Temporal does with commands is tested in tests/workflow and tests/faults.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, NamedTuple, TypeVar
from uuid import UUID
from weakref import WeakKeyDictionary

from pydantic import SecretStr
from typer.testing import CliRunner

from activities.record import Record
from activities.record.access_log import AccessLogEntry, list_access
from activities.record.event_codec import load_events, to_new
from activities.record.patients import opening_of
from activities.record.stored import Opening
from activities.signatures.register_file import RegisterFile
from application.caches.histories import Histories
from application.context import Context, record_of
from application.errors import NotFound, Refused, Unavailable
from application.process.sealing import open_sealed
from application.settings import Settings
from application.temporal.journeys import Journeys, KeptBatch, PolledBuilds, Run, Taken, UnderWay
from cli.app import app
from deploy.local.postgres import Database
from simulation.keys import PASSPHRASE, Signers, invent
from simulation.people import CLINIC, PEOPLE, person_of, profile
from tests.fixtures.everything import everything
from tests.record.read_models.courses import catch_up
from workflows.journey.aggregate import Journey, fold
from workflows.journey.commands import Command, StartPathway
from workflows.journey.decide import decide, keep_refusal
from workflows.journey.events import Event
from workflows.journey.receipts import CommandReceipt, answer_repeated, receipts_of
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.refusals import Refusal

START = datetime(2026, 3, 2, 17, 0, tzinfo=UTC)
EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
LOOKER = Path(__file__).parent / "looker.json"
"""Who looks where a test does not say: an invented coordinator of both clinics."""
OPS = EXAMPLES / "profiles" / "ops.json"
"""Who looks after the service."""
NOWHERE = "postgresql://nobody@127.0.0.1:1/nowhere"

T = TypeVar("T")


@cache
def invented() -> Signers:
    """The register of the invented staff, and their keys."""
    return invent(Path(mkdtemp()))


def registered() -> dict[str, Any]:
    """The settings that name that register."""
    return {"register_file": invented().register_path, "organisation_key": invented().organisation_key.hex()}


@cache
def usual_settings(*, knows_staff: bool) -> Settings:
    """What a world begins with. Read once: it takes longer than most commands that a test sends."""
    return Settings(
        database_url=SecretStr(NOWHERE), demonstration=True, profile=LOOKER, **registered() if knows_staff else {}
    )


class Known(NamedTuple):
    """A journey as it was recorded: its events, and its state after them."""

    events: tuple[Event, ...]
    journey: Journey


class World:
    """What the command line acts in: a database, or none, a moment, and the person at the terminal.

    ``down`` is Temporal away, ``asleep`` is Temporal taking commands that never get recorded.
    """

    def __init__(self, database: Database | None = None, *, knows_staff: bool = True, **settings: Any) -> None:
        self.at = START
        self.recorder = NOWHERE
        """The address of the record for what no person's command line may do."""
        self.console = NOWHERE
        """The address of the record for what the console alone shows."""
        self.down = False
        self.asleep = False
        self._turns = WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock]()
        self.received: list[Command] = []
        self.runs: dict[UUID, Known] = {}
        """What stands in for Temporal has its journeys in memory, as workers have."""
        self.lately: Histories | None = None
        """What was read for all requests, as in a program that serves many; None: each reads for itself."""
        self.questions: list[str] = []
        self.answers: list[str] = []
        self.person = PEOPLE[Role.CLINICIAN].id
        """Who sits at the terminal: they know their id, and the passphrase."""
        self.settings = usual_settings(knows_staff=knows_staff).model_copy(update=settings)
        if database is not None:
            self.use(database)

    @property
    def turn(self) -> asyncio.Lock:
        """A run decides one command at a time, however many are sent together."""
        return self._turns.setdefault(asyncio.get_running_loop(), asyncio.Lock())

    def set(self, **settings: Any) -> None:
        self.settings = self.settings.model_copy(update=settings)

    def use(self, database: Database) -> None:
        """Act in this database from now on."""
        self.recorder, self.console = everything(database), database.console_url
        self.set(database_url=SecretStr(database.reader_url), projector_url=SecretStr(database.projector_url))

    def context(self, **who: Any) -> Context:
        """One request in this world."""
        given = {"ask": self.ask, "open_record": self.record, "connect": self.connect, "histories": self.lately, **who}
        return Context(now=lambda: self.at, load=self.load_settings, **given)

    @asynccontextmanager
    async def record(self, settings: Settings) -> AsyncIterator[Record]:
        """The record as the product opens it. All databases of the tests are made for demonstrations: so is that of a
        world that plays a clinic."""
        async with record_of(settings.model_copy(update={"demonstration": True})) as record:
            yield record

    def load_settings(self) -> Settings:
        return self.settings

    @asynccontextmanager
    async def connect(self, settings: Settings) -> AsyncIterator[Journeys]:
        """Temporal, or what stands in for it."""
        if self.down:
            raise Unavailable("Temporal cannot be reached", "Run the same command again")
        async with open_sealed(self.settings, self.recorder) as record:
            yield DirectJourneys(self, record)

    def ask(self, question: str, *, secret: bool = False) -> str:
        self.questions.append(question)
        return PASSPHRASE if secret else self.answers.pop(0) if self.answers else self.person

    def on_record(self, act: Callable[[Record], Awaitable[T]]) -> T:
        """Do something with the record, from a test that is not asynchronous."""

        async def whole() -> T:
            async with open_sealed(self.settings, self.recorder) as record:
                return await act(record)

        return asyncio.run(whole())

    def put(self, journey_id: UUID, events: Sequence[Event]) -> None:
        """Record what happens next in a journey."""
        self.on_record(partial(append, journey_id=journey_id, events=events))

    def project(self) -> None:
        """Bring the lists up with the record."""

        async def now(record: Record) -> None:
            await catch_up(record)

        self.on_record(now)

    def events(self, journey_id: UUID) -> tuple[Event, ...]:
        return self.on_record(partial(load_events, journey_id=journey_id))

    def state(self, journey_id: UUID) -> Journey:
        return fold(self.events(journey_id))

    def looks(self) -> list[AccessLogEntry]:
        """Who looked at what, the first on top."""
        return [*self.on_record(list_access)][::-1]

    def journeys(self) -> int:
        """How many journeys are enrolled or recorded."""
        return self.on_record(_count)


async def append(record: Record, journey_id: UUID, events: Sequence[Event], *, opening: Opening | None = None) -> None:
    """Record what happens next in a journey, if anything does."""
    if events:
        closes = events[-1].body.kind == "pathway.closed"
        await record.append(
            journey_id, events[0].version - 1, [to_new(event) for event in events], opening=opening, closes=closes
        )


async def _count(record: Record) -> int:
    async with record.connection() as connection:
        return int(
            await connection.fetchval(
                "SELECT count(*) FROM (SELECT journey_id FROM record.journey "
                "UNION SELECT journey_id FROM record.enrolment) AS known"
            )
        )


class DirectJourneys:
    """`Journeys` without Temporal: a command is decided at once, at the test's time, and recorded at once."""

    def __init__(self, world: World, record: Record) -> None:
        self._world, self._record = world, record

    async def start(self, command: Command) -> Command | None:
        assert isinstance(command.body, StartPathway)
        self._world.received.append(command)
        decided = decide(None, command, self._world.at)
        assert not isinstance(decided, Refusal)
        if not self._world.asleep:
            opening = opening_of(self._record.patients, fold(decided))
            rows = [to_new(event) for event in decided]
            await self._record.append(command.body.journey_id, 0, rows, opening=opening)
        return None

    async def _run_of(self, journey_id: UUID) -> Known:
        known = self._world.runs.get(journey_id)
        version = 0 if known is None else known.journey.version
        new = await load_events(self._record, journey_id, after_version=version)
        if new:
            events, journey = ((), None) if known is None else known
            known = self._world.runs[journey_id] = Known((*events, *new), fold(new, journey))
        if known is None:
            raise NotFound("nothing runs under this id", "See `pathway list`")
        return known

    async def submit(self, journey_id: UUID, command: Command) -> int:
        async with self._world.turn:
            run = await self._run_of(journey_id)
            if run.journey.closed:
                raise NotFound("nothing runs under this id", "See `pathway list`")
            return await self._take(run, command)

    async def hand_in(self, journey_id: UUID, command: Command) -> None:
        run = await self._run_of(journey_id)
        try:
            await self._take(run, command)
        except Refused as refused:
            # As for whoever gets no answer: it is kept that it was refused.
            known = receipts_of(run.events)
            kept = keep_refusal(run.journey, known, command, refused.refusal, self._world.at, unanswered=True)
            await append(self._record, journey_id, kept)

    async def reopen(self, recorded: Sequence[Event], command: Command) -> int:
        async with self._world.turn:
            return await self._take(await self._run_of(recorded[0].journey_id), command)

    async def _take(self, run: Known, command: Command) -> int:
        self._world.received.append(command)
        # As it travels: the shell parses what is sent.
        parsed = Command.model_validate_json(command.model_dump_json())
        repeated = answer_repeated(receipts_of(run.events), parsed)
        if isinstance(repeated, CommandReceipt):
            return repeated.version
        decided = repeated or decide(run.journey, parsed, self._world.at)
        if isinstance(decided, Refusal):
            raise Refused(decided, state="Nothing changed.", ids={"command_id": str(command.command_id)})
        if not self._world.asleep:
            await append(self._record, run.journey.id, decided)
        return decided[-1].version

    async def find(self, journey_id: UUID, now: datetime) -> Run | None:
        raise AssertionError("nothing is compared with Temporal here")

    async def end(self, run: Run) -> None:
        raise AssertionError("nothing is mended here")

    async def under_way(self, run: Run) -> UnderWay | None:
        raise AssertionError("nothing is mended here")

    async def resume(self, recorded: Sequence[Event], taken: Sequence[Taken] = ()) -> None:
        raise AssertionError("nothing was lost")

    def runs(self) -> AsyncIterator[Run]:
        raise AssertionError("nothing is compared with Temporal here")

    def all_runs(self, journey_id: UUID | None = None) -> AsyncIterator[Run]:
        raise AssertionError("nothing is mended here")

    async def kept(self, run: Run) -> tuple[KeptBatch, ...]:
        raise AssertionError("nothing is mended here")

    async def record_again(self, record: Record, register: RegisterFile, kept: Iterable[KeptBatch]) -> dict[UUID, str]:
        raise AssertionError("nothing was lost")

    async def builds(self, now: datetime) -> PolledBuilds:
        raise AssertionError("nothing is compared with Temporal here")

    async def show(self, journey_id: UUID) -> None:
        raise AssertionError("nothing is mended here")

    async def look(self, journey_id: UUID) -> None:
        raise AssertionError("nothing is mended here")

    async def set_back(self, run: Run) -> bool:
        raise AssertionError("nothing is mended here")

    async def taken(self, run: Run) -> tuple[Taken, ...]:
        raise AssertionError("nothing is mended here")

    async def move(self, run: Run, now: datetime) -> bool:
        raise AssertionError("nothing is mended here")

    async def unpause(self, run: Run) -> None:
        raise AssertionError("nothing is mended here")

    async def keep_up(self, anchors_every: timedelta | None, now: datetime) -> tuple[str, ...]:
        raise AssertionError("nothing is mended here")


class Answer:
    """What a call gave: its exit code, both outputs, and its JSON."""

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


def call(
    world: World, *arguments: str, given: Any = None, raw: bytes | None = None, width: int | None = None
) -> Answer:
    """Call the command line in this process, with ``given`` as JSON on standard input, as on a terminal this wide."""
    sent = raw if raw is not None else b"" if given is None else json.dumps(given).encode()
    env = {"NO_COLOR": "1"} | ({} if width is None else {"COLUMNS": str(width)})
    result = CliRunner().invoke(app, list(arguments), input=sent, obj=world.context, env=env)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Answer(result.exit_code, result.stdout, result.stderr)


def write_profiles(directory: Path, journey_id: UUID | None = None) -> dict[Role, str]:
    """A profile file for each invented person: of this journey, where it has one of its own."""
    directory.mkdir(exist_ok=True)
    written = {}
    for role, text in _profiles(journey_id).items():
        path = directory / f"{role.value}.json"
        path.write_text(text)
        written[role] = str(path)
    return written


@cache
def _profiles(journey_id: UUID | None) -> dict[Role, str]:
    known = {role: PEOPLE[role] if journey_id is None else person_of(journey_id, role) for role in PEOPLE}
    return {role: profile(person, CLINIC, "night-clinic") for role, person in known.items()}


def referral(**changes: Any) -> dict[str, Any]:
    """The example referral, changed."""
    whole: dict[str, Any] = json.loads((EXAMPLES / "referral-ptsd.json").read_text())
    return whole | changes
