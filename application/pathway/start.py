"""Start journeys from one referral or many. Every step may be repeated safely."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias
from uuid import UUID, uuid5

from activities.record import NotYetRecorded, RecordUnavailable, TwoPatients
from activities.record.patients import opening_of
from application import input as forms
from application.command_catalog import CommandKind, require_role
from application.context import Context
from application.errors import Conflict, FieldProblem, Refused, Unavailable, UseCaseError
from application.pathway.commands import RECORDED_WITHIN, require_size
from application.protocols.approvals import approval_of
from application.protocols.files import choose, directory_of
from application.sign_offs import staff
from workflows.journey.aggregate import fold
from workflows.journey.base import Identifier, InputModel, Short, Text, canonical
from workflows.journey.commands import Command, Patient, StartPathway
from workflows.journey.decide import decide
from workflows.journey.events import Event
from workflows.journey.protocol import Pathway, Protocol
from workflows.journey.refusals import Refusal
from workflows.journey.signed_statement import ProtocolApproval

REFERRALS = UUID("5c0f7a5e-6f0b-5d0e-9a56-6f2f0c1f8f2b")
"""The namespace of request ids that are made from the content of a referral."""
START = CommandKind("pathway", "start", StartPathway)


class Referral(InputModel):
    """A referral. Two with the same ``request_id``, or with the same content and no ``request_id``, are one request."""

    request_id: UUID | None = None
    clinic: Identifier
    patient: Patient
    pathway: Pathway
    reason: Text
    coordinator: Identifier
    clinician: Identifier
    protocol: Short | None = None

    @property
    def request(self) -> UUID:
        """Return the id of the request."""
        content = self.model_dump(mode="json", exclude={"request_id"}, exclude_none=True)
        return self.request_id or uuid5(REFERRALS, canonical(content).decode())

    @property
    def journey_id(self) -> UUID:
        """Return the id of the journey that this request starts."""
        return uuid5(self.request, "journey")


Outcome: TypeAlias = Literal["started", "already_started", "accepted"]


@dataclass(frozen=True, slots=True)
class Started:
    """The result of a referral. ``accepted``: held by Temporal, and not recorded within the waiting time."""

    outcome: Outcome
    journey_id: UUID
    request_id: UUID
    version: int | None = None
    position: int | None = None


class Starter:
    """Starts journeys for one coordinator with one protocol, or with the one each referral names (None)."""

    def __init__(self, context: Context, protocol: str | None) -> None:
        """Raises NotAllowed: the person may not start journeys."""
        require_role(context.actor, START)
        self._context = context
        self._protocol = protocol
        self._chosen: dict[tuple[str, Pathway, str], tuple[Protocol, ProtocolApproval | None]] = {}

    def command(self, referral: Referral, command_id: UUID | None = None) -> Command:
        """Make the command for a referral.

        Raises:
            UseCaseError: the protocol cannot be used, or is not signed for the patient's clinic.
        """
        key = (self._protocol or referral.protocol or "", referral.pathway, referral.clinic)
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
            demonstration=self._context.settings.demonstration,
        )
        once = command_id or uuid5(referral.request, "start")
        command = Command.model_construct(command_id=once, actor=self._context.actor, body=body)
        require_size(command)
        return staff.with_register(self._context, None, command)

    def _choose(self, name: str, pathway: Pathway, clinic: str) -> tuple[Protocol, ProtocolApproval | None]:
        settings = self._context.settings
        protocol, file = choose(
            name or None,
            pathway,
            directory_of(settings.protocols_dir),
            demonstrations=settings.demonstration,
            files=self._protocol is not None,
        )
        # A protocol that nobody could have signed is refused by the journey itself, with its own reason.
        if settings.demonstration or file is None or protocol.obstacles():
            return protocol, None
        return protocol, approval_of(protocol, file, self._context, clinic)

    def try_out(self, command: Command) -> tuple[Event, ...] | Refusal:
        """Return the events that a start would have now. Nothing is sent."""
        return decide(None, command, self._context.now())

    async def start(self, referral: Referral, command: Command) -> Started:
        """Enrol, start, and wait until it is recorded.

        Raises:
            Refused, Conflict: the journey refuses it, or the patient has an open one.
            Unavailable, RecordUnavailable: it is not possible now.
        """
        decided = decide(None, command, self._context.now())
        if isinstance(decided, Refusal):
            raise Refused(decided)
        record, journeys = await self._context.record(), await self._context.journeys()
        opening = opening_of(fold(decided))
        try:
            enrolment = await record.enrol(
                opening, pathway=referral.pathway, request_id=referral.request, journey_id=referral.journey_id
            )
        except TwoPatients:
            raise Conflict(
                "the reference and the clinic's number of this patient are known as two patients",
                "Correct the one that is wrong; if they are one person, have that signed (`patient merge`)",
                fields=(FieldProblem("patient.number", "is another patient's"),),
            ) from None
        if enrolment.outcome == "active":
            raise _active()
        if enrolment.outcome == "other_request":
            raise Conflict(
                "this request id was used for another patient or pathway",
                "Leave request_id out, or give this referral its own",
                fields=(FieldProblem("request_id", "was used for something else"),),
            )
        head = await record.head(referral.journey_id)
        if enrolment.outcome == "same_request" and head is not None and head.version > 0:
            return Started("already_started", referral.journey_id, referral.request, head.version, head.position)
        await journeys.start(command)
        try:
            position = await record.wait_for(referral.journey_id, 1, RECORDED_WITHIN)
        except (NotYetRecorded, RecordUnavailable):
            return Started("accepted", referral.journey_id, referral.request)
        return Started("started", referral.journey_id, referral.request, 1, position)


RowOutcome: TypeAlias = Started | Referral | UseCaseError
"""The result of one row: started, would be started (a dry run), or why not."""


async def start_batch(
    context: Context, starter: Starter, rows: Iterable[tuple[int, bytes]], *, at_once: int, dry_run: bool
) -> AsyncIterator[tuple[int, RowOutcome]]:
    """Start many referrals, each given as its row's number and JSON; yield a result as each is done.

    Rows are independent. In an outage the remaining rows are not tried, so there may be fewer results than rows.

    Raises:
        Unavailable, RecordUnavailable: the record or Temporal cannot be reached at all.
    """
    if not dry_run:
        await context.record()
        await context.journeys()
    waiting = iter(rows)
    done: asyncio.Queue[tuple[int, RowOutcome] | None] = asyncio.Queue()
    outages = 0

    async def work() -> None:
        nonlocal outages
        for number, raw in waiting:
            outcome = await _row(starter, raw, dry_run=dry_run)
            outages = outages + 1 if isinstance(outcome, Unavailable) else outages
            outages = 0 if isinstance(outcome, Started | Referral) else outages
            done.put_nowait((number, outcome))
            if outages > 3 * at_once:
                return

    async def work_all() -> None:
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(at_once):
                    group.create_task(work())
        finally:
            done.put_nowait(None)

    working = asyncio.create_task(work_all())
    while (answer := await done.get()) is not None:
        yield answer
    await working


async def _row(starter: Starter, raw: bytes, *, dry_run: bool) -> RowOutcome:
    try:
        referral = forms.check(Referral, forms.read_object(forms.require_small(raw)))
        command = starter.command(referral)
        if not dry_run:
            return await starter.start(referral, command)
        decided = starter.try_out(command)
    except RecordUnavailable:
        return Unavailable("the record did not answer", "Run the batch again")
    except UseCaseError as problem:
        return problem
    return Refused(decided) if isinstance(decided, Refusal) else referral


def _active() -> Conflict:
    """The patient has an open journey. Whose it is and where is not said: it may be another clinic's."""
    return Conflict(
        "this patient already has an open journey with this medicine",
        "One is open at a time, whatever it is for and at whatever clinic: see `patient show`. If this referral's own "
        "has not begun, send it again unchanged",
        fields=(FieldProblem("patient.ref", "has an open journey"),),
    )
