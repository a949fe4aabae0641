"""`pathway start`: from a referral, or from a file of them, to journeys. Every step may be repeated safely."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal
from uuid import UUID, uuid5

import typer
from pydantic import Field

from activities.record import NotYetRecorded, Record, RecordUnavailable, patient_key
from door import forms, shell
from door.acting import show_trial
from door.kinds import Kind
from door.outcomes import ExitCode, FieldProblem, Problem, refused
from door.profiles import load_profile
from door.protocols.approvals import approval_of
from door.protocols.files import choose, directory_of
from door.screen import Screen, facts
from door.services import RECORDED_WITHIN, Gateway, Services
from workflows.journey.actors import Actor
from workflows.journey.base import Identifier, InputModel, Text, canonical
from workflows.journey.commands import COMMAND_LIMIT, Command, Patient, StartPathway
from workflows.journey.decide import decide
from workflows.journey.protocol import Pathway, Protocol
from workflows.journey.refusals import Refusal
from workflows.journey.signed_statement import ProtocolApproval

REFERRALS = UUID("5c0f7a5e-6f0b-5d0e-9a56-6f2f0c1f8f2b")
"""The namespace of request ids made from what a referral says."""
START = Kind("pathway", "start", StartPathway)


class Referral(InputModel):
    """A referral. Two with the same ``request_id``, or without one and with the same content, are one request."""

    request_id: UUID | None = None
    clinic: Identifier
    patient: Patient
    pathway: Pathway
    reason: Text
    coordinator: Identifier
    clinician: Identifier
    protocol: Annotated[str, Field(min_length=1, max_length=200)] | None = None

    @property
    def request(self) -> UUID:
        """The id of the request."""
        content = self.model_dump(mode="json", exclude={"request_id"}, exclude_none=True)
        return self.request_id or uuid5(REFERRALS, canonical(content).decode())

    @property
    def journey_id(self) -> UUID:
        """The id of the journey this request starts."""
        return uuid5(self.request, "journey")


Outcome = Literal["started", "already_started", "accepted"]


@dataclass(frozen=True, slots=True)
class Started:
    """What became of a referral. ``accepted``: held by Temporal, not recorded within the time waited."""

    outcome: Outcome
    journey_id: UUID
    request_id: UUID
    version: int | None = None
    position: int | None = None


class Starter:
    """Starts journeys for one coordinator with one choice of protocol."""

    def __init__(self, services: Services, actor: Actor, protocol: str | None) -> None:
        settings = services.settings_without_servers()
        self._services = services
        self._actor = actor
        self._protocol = protocol
        self._demonstrations = settings.demonstration
        self._directory = directory_of(settings.protocols_dir)
        self._settings = settings
        self._chosen: dict[tuple[str, Pathway], tuple[Protocol, ProtocolApproval | None]] = {}

    def command(self, referral: Referral, command_id: UUID | None = None) -> Command:
        """The command a referral makes. Raises Problem for a protocol that cannot be used, or is not signed."""
        key = (self._protocol or referral.protocol or "", referral.pathway)
        if key not in self._chosen:
            self._chosen[key] = self._choose(*key)
        protocol, approval = self._chosen[key]
        body = StartPathway.model_construct(
            journey_id=referral.journey_id,
            clinic=referral.clinic,
            patient=referral.patient,
            pathway=referral.pathway,
            reason=referral.reason,
            coordinator=referral.coordinator,
            clinician=referral.clinician,
            protocol=protocol,
            approval=approval,
            demonstration=self._demonstrations,
        )
        return Command.model_construct(
            command_id=command_id or uuid5(referral.request, "start"),
            actor=self._actor,
            body=body,
        )

    def _choose(self, name: str, pathway: Pathway) -> tuple[Protocol, ProtocolApproval | None]:
        protocol, file = choose(
            name or None,
            pathway,
            self._directory,
            demonstrations=self._demonstrations,
            files=self._protocol is not None,
        )
        # What nobody could have signed is refused by the journey, in its own words.
        if self._demonstrations or file is None or protocol.obstacles():
            return protocol, None
        return protocol, approval_of(protocol, file, self._settings, self._services.now())

    async def start(self, record: Record, gateway: Gateway, referral: Referral, command: Command) -> Started:
        """Enrol, start, and wait until it is recorded.

        Raises:
            Problem: refused, or not possible now.
        """
        decided = decide(None, command, self._services.now())
        if isinstance(decided, Refusal):
            raise refused(decided, state="Nothing was sent or recorded.")
        enrolment = await record.enrol(
            patient_key=patient_key(referral.patient.ref),
            pathway=referral.pathway,
            request_id=referral.request,
            journey_id=referral.journey_id,
        )
        if enrolment.outcome == "active":
            raise await _active(record, enrolment.journey_id)
        if enrolment.outcome == "other_request":
            raise Problem(
                ExitCode.REFUSED,
                "this request id was used for another patient or pathway",
                "Leave request_id out, or give this referral its own",
                fields=(FieldProblem(field="request_id", problem="was used for something else"),),
            )
        head = await record.head(referral.journey_id)
        if enrolment.outcome == "same_request" and head is not None and head.version > 0:
            return Started("already_started", referral.journey_id, referral.request, head.version, head.position)
        await gateway.start(command)
        try:
            position = await record.wait_for(referral.journey_id, 1, RECORDED_WITHIN)
        except (NotYetRecorded, RecordUnavailable):
            return Started("accepted", referral.journey_id, referral.request)
        return Started("started", referral.journey_id, referral.request, 1, position)


async def _active(record: Record, journey_id: UUID) -> Problem:
    head = await record.head(journey_id)
    begun = head is not None and head.version > 0
    return Problem(
        ExitCode.REFUSED,
        f"this patient already has an open journey on this pathway: {journey_id}",
        f"Work with that one: `pathway show {journey_id}`"
        if begun
        else "It is enrolled and not yet started: send its referral again, unchanged",
        ids={"journey_id": str(journey_id)},
    )


def start_command(
    context: typer.Context,
    referral: Annotated[
        str | None, typer.Argument(metavar="REFERRAL.json", help="The referral; - for standard input.")
    ] = None,
    batch: Annotated[
        Path | None, typer.Option("--batch", metavar="FILE.jsonl", help="Many referrals, one per line.")
    ] = None,
    at_once: Annotated[
        int, typer.Option("--at-once", min=1, max=64, help="With --batch: referrals under way at a time.")
    ] = 16,
    protocol: Annotated[
        str | None, typer.Option("--protocol", metavar="NAME|FILE", help="Instead of the one the referral names.")
    ] = None,
    profile: shell.Profile = None,
    command_id: shell.CommandId = None,
    dry_run: shell.DryRun = False,
    template: Annotated[bool, typer.Option("--template", help="Print a referral to fill in.")] = False,
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON schema of a referral.")] = False,
    json: shell.Json = False,
) -> None:
    """Start a patient's journey from a referral. For: coordinator.

    A patient has one open journey per pathway. The same referral again starts nothing new and answers with
    the journey it started, so that a start, or a whole batch, can be run again after any interruption.
    """
    services = shell.services(context)

    async def act(screen: Screen) -> ExitCode | None:
        if schema:
            screen.form(forms.schema(Referral))
            return None
        if template:
            screen.form(forms.template(Referral))
            return None
        if (referral is None) == (batch is None):
            raise Problem(
                ExitCode.USAGE, "either REFERRAL.json or --batch FILE.jsonl is needed", "Give one of them; see --help"
            )
        actor = load_profile(profile, services.settings_without_servers().profile)
        if actor.role not in START.roles:
            raise Problem(
                ExitCode.NOT_ALLOWED,
                f"a {actor.role.value} may not start a pathway",
                f"It is for: {', '.join(START.roles)}. Choose another profile with --profile",
            )
        starter = Starter(services, actor, protocol)
        if batch is not None:
            if command_id is not None:
                raise Problem(ExitCode.USAGE, "--command-id is for one referral", "Leave it out with --batch")
            return await Batch(screen, services, starter, dry_run=dry_run, at_once=at_once).run(batch)
        given = forms.check(Referral, forms.read_object(forms.read_input(referral)))
        return await _start_one(screen, services, starter, given, starter_command(starter, given, command_id), dry_run)

    shell.run(act, json_only=json or template or schema)


def starter_command(starter: Starter, referral: Referral, command_id: UUID | None) -> Command:
    """The command of a referral, within the size a command may have. Raises Problem."""
    command = starter.command(referral, command_id)
    if command.too_large:
        raise forms.too_large()
    return command


async def _start_one(
    screen: Screen, services: Services, starter: Starter, referral: Referral, command: Command, dry_run: bool
) -> ExitCode | None:
    if dry_run:
        return show_trial(screen, decide(None, command, services.now()))
    async with _both(services) as (record, gateway):
        try:
            started = await starter.start(record, gateway, referral, command)
        except RecordUnavailable:
            started = None
    if started is None or started.outcome == "accepted":
        raise Problem(
            ExitCode.UNAVAILABLE,
            "accepted, not yet recorded" if started else "the record did not answer",
            "Look with `pathway show`; sending the same referral again is safe and starts nothing twice",
            state="Nothing is lost.",
            ids={"journey_id": str(referral.journey_id), "request_id": str(referral.request)},
        )
    illustrative = isinstance(command.body, StartPathway) and command.body.demonstration
    if screen.json_only:
        screen.data(_line(started) | {"illustrative": illustrative})
        return None
    screen.illustrative(illustrative)
    title = "pathway start: done" if started.outcome == "started" else "pathway start: this referral was sent before"
    screen.show(
        facts(
            {
                "journey": started.journey_id,
                "durability": f"recorded at position {started.position}",
                "version": started.version,
                "request": started.request_id,
                "next": f"pathway why {started.journey_id}",
            },
            title,
        )
    )
    return None


def _line(started: Started) -> dict[str, object]:
    return {
        "outcome": started.outcome,
        "journey_id": str(started.journey_id),
        "request_id": str(started.request_id),
        "version": started.version,
        "position": started.position,
    }


@asynccontextmanager
async def _both(services: Services) -> AsyncIterator[tuple[Record, Gateway]]:
    async with services.record() as record, services.gateway() as gateway:
        yield record, gateway


class Batch:
    """A file of referrals. Rows are independent; what fails is told by row number, and nothing else of it."""

    def __init__(self, screen: Screen, services: Services, starter: Starter, *, dry_run: bool, at_once: int) -> None:
        self._screen = screen
        self._services = services
        self._starter = starter
        self._dry_run = dry_run
        self._at_once = at_once
        self._outcomes: Counter[str] = Counter()
        self._done = 0
        self._outages = 0

    async def run(self, path: Path) -> ExitCode | None:
        """Start every row; exit code 5 when any row did not end in a journey.

        Raises:
            Problem: the file cannot be read.
        """
        try:
            rows = iter(tuple(_rows(path)))
        except OSError as error:
            raise Problem(
                ExitCode.USAGE, f"the file cannot be read ({error.strerror})", "Give a file that can"
            ) from None
        if self._dry_run:
            await self._work(rows, None)
        else:
            async with _both(self._services) as both, asyncio.TaskGroup() as group:
                for _ in range(self._at_once):
                    group.create_task(self._work(rows, both))
        failed = self._done - self._outcomes["started"] - self._outcomes["already_started"] - self._outcomes["valid"]
        left = sum(1 for _ in rows)
        self._summary(left)
        return ExitCode.REFUSED if failed or left else None

    async def _work(self, rows: Iterator[tuple[int, bytes]], both: tuple[Record, Gateway] | None) -> None:
        for number, raw in rows:
            await self._row(number, raw, both)
            if self._outages > 3 * self._at_once:
                return

    async def _row(self, number: int, raw: bytes, both: tuple[Record, Gateway] | None) -> None:
        line: dict[str, object]
        problem: Problem | None = None
        try:
            if len(raw) > COMMAND_LIMIT:
                raise forms.too_large()
            referral = forms.check(Referral, forms.read_object(raw))
            command = starter_command(self._starter, referral, None)
            if both is None:
                decided = decide(None, command, self._services.now())
                if isinstance(decided, Refusal):
                    raise refused(decided, state="Nothing was sent or recorded.")
                line = {"outcome": "valid", "journey_id": str(referral.journey_id), "request_id": str(referral.request)}
            else:
                line = _line(await self._starter.start(*both, referral, command))
            self._outages = 0
        except RecordUnavailable:
            problem = Problem(ExitCode.UNAVAILABLE, "the record did not answer", "Run the batch again")
        except Problem as known:
            problem = known
        if problem is not None:
            self._outages += problem.code == ExitCode.UNAVAILABLE
            line = {"outcome": problem.code.name.lower(), **problem.as_json()}
            self._screen.note(f"row {number}: {_clauses(problem)}")
        self._outcomes[str(line["outcome"])] += 1
        self._done += 1
        if self._screen.json_only:
            self._screen.data({"row": number, **line})
        elif self._done % 100 == 0:
            self._screen.note(f"{self._done} rows done")

    def _summary(self, left: int) -> None:
        if self._screen.json_only:
            return
        counted: dict[str, object] = {"rows": self._done + left, **self._outcomes}
        if left:
            counted["not tried"] = f"{left}, because of the outage"
        if left or self._outcomes["unavailable"] or self._outcomes["accepted"]:
            counted["next"] = "run the same batch again: what was started stays as it is"
        self._screen.show(facts(counted, "dry run: nothing was sent" if self._dry_run else "batch"))


def _clauses(problem: Problem) -> str:
    fields = "; ".join(
        field.field if field.problem == problem.reason else f"{field.field} {field.problem}" for field in problem.fields
    )
    return f"{problem.reason}{f' ({fields})' if fields else ''}. {problem.remedy}"


def _rows(path: Path) -> Iterator[tuple[int, bytes]]:
    """The rows that hold something, by line number. Of one that is too long only the beginning is kept."""
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                yield number, line[: COMMAND_LIMIT + 1]
