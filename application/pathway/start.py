"""Start journeys from one referral or many. Every step may be repeated safely."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, TypeVar
from uuid import UUID, uuid5

from activities.privacy.patient_keys import PatientKeys
from activities.record import (
    Enrolment,
    NotYetRecorded,
    Record,
    RecordUnavailable,
    TwoPatients,
    UnreadableEvent,
    WantedEnrolment,
    patient_index,
)
from activities.record.event_codec import from_stored
from activities.record.patients import opening_of
from application.context import Context
from application.errors import HELD, UNKNOWN_STATE, Refused, Unavailable, record_outage, unreadable_event
from application.identity import keyring, sessions, staff
from application.pathway import requests
from application.pathway.command_catalog import CommandKind, require_role
from application.pathway.commands import CALL, RECORDED_WITHIN, require_size
from application.protocols.approvals import approval_of
from application.protocols.files import choose, directory_of
from application.protocols.staffing import require_staff_for
from workflows.journey.aggregate import fold
from workflows.journey.commands import Command, Patient, StartPathway
from workflows.journey.decide import decide
from workflows.journey.events import Event, PathwayStarted
from workflows.journey.protocol import Pathway, Protocol
from workflows.journey.vocabulary.base import Identifier, InputModel, Short, Text, canonical
from workflows.journey.vocabulary.refusals import Refusal
from workflows.journey.vocabulary.signed_statement import ProtocolApproval

REFERRALS = UUID("5c0f7a5e-6f0b-5d0e-9a56-6f2f0c1f8f2b")
"""The namespace of request ids that are made for referrals without one."""
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

    def identified(self, patients: PatientKeys) -> "Referral":
        """Return the referral with the id of its request. One that names none gets it from its content, by the secret
        of the service: whoever has the database cannot try names and dates of birth."""
        if self.request_id is not None:
            return self
        content = self.model_dump(mode="json", exclude={"request_id"}, exclude_none=True)
        made = uuid5(REFERRALS, patients.of_referral(canonical(content)).hex())
        return self.model_copy(update={"request_id": made})

    @property
    def request(self) -> UUID:
        """The id of the request.

        Raises:
            ValueError: the referral is not identified yet.
        """
        if self.request_id is None:
            raise ValueError("the referral is not identified yet")
        return self.request_id

    @property
    def journey_id(self) -> UUID:
        """The id of the journey that this request starts.

        Raises:
            ValueError: as `request`.
        """
        return uuid5(self.request, "journey")


Known = TypeVar("Known")
StartOutcome: TypeAlias = Literal["started", "already_started", "accepted"]


@dataclass(frozen=True, slots=True)
class Started:
    """The result of a referral. ``accepted``: held by Temporal, and not recorded within the waiting time."""

    outcome: StartOutcome
    journey_id: UUID
    request_id: UUID
    version: int | None = None
    position: int | None = None


class Starter:
    """Starts journeys for one coordinator with one protocol, or with the one each referral names (None).

    Each referral is identified first.
    """

    def __init__(self, context: Context, protocol: str | None) -> None:
        """Raises NotAllowed: the person may not start journeys."""
        require_role(context.actor, START)
        self._context = context
        self._protocol = protocol
        self._chosen: dict[tuple[str, Pathway, str], tuple[Protocol, ProtocolApproval | None]] = {}

    async def identified(self, referral: Referral) -> Referral:
        """Return a referral with the id of its request.

        Raises:
            UseCaseError: the protocol cannot be used, or is not signed for the patient's clinic; that needs no record.
            RecordUnavailable, RecordFault: the record cannot be reached, and nothing happened.
        """
        self._protocol_of(referral)
        return referral.identified((await self._context.record()).patients)

    async def command(self, referral: Referral, command_id: UUID | None = None) -> Command:
        """Make the command for a referral.

        Raises:
            UseCaseError: the protocol cannot be used, or is not signed for the patient's clinic; or nobody of its staff
                may be left to decide something: who may is the patient, or has no licence where they live.
        """
        protocol, approval = self._protocol_of(referral)
        require_staff_for(self._context, protocol, referral.clinic, referral.patient)
        record = await self._context.record()
        body = StartPathway.model_construct(
            journey_id=referral.journey_id,
            organisation=keyring.verified_register(self._context).organisation,
            log=await record.log_name(),
            code_key=record.patients.of_codes(referral.journey_id).hex(),
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
        return staff.add_register_entries(self._context, None, command)

    def _protocol_of(self, referral: Referral) -> tuple[Protocol, ProtocolApproval | None]:
        key = (self._protocol or referral.protocol or "", referral.pathway, referral.clinic)
        if key not in self._chosen:
            self._chosen[key] = self._choose(*key)
        return self._chosen[key]

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

    async def try_out(
        self, referral: Referral, command: Command, rows: requests.BatchRows | None = None
    ) -> tuple[Event, ...] | Started | Refusal:
        """Return the events that a start would have now, or what it started before. Nothing is sent or kept. ``rows``
        are those of a batch that come before it.

        Raises:
            Conflict, Unavailable: as `start`.
        """
        decided = decide(None, command, self._context.now())
        if isinstance(decided, Refusal):
            return decided
        record = await self._context.record()
        wanted = _wanted(record, referral, decided)
        keys = set(wanted.opening.patient_keys)
        for key in () if rows is None else wanted.opening.patient_keys:
            keys |= await patient_index.keys_beside(record, key)
        before = () if rows is None else rows.enrolled(keys)
        try:
            enrolment = await patient_index.rehearse(record, [*before, wanted])
        except TwoPatients:
            raise requests.known_as_two() from None
        if rows is not None and enrolment.outcome == "enrolled":
            rows.keep(keys, *before, wanted)
        return await self._known(record, referral, command, enrolment) or decided

    async def start(self, referral: Referral, command: Command) -> Started:
        """Enrol, start, and wait until it is recorded. Interrupted, it has done both of the first two or neither.

        Raises:
            Refused, Conflict: the journey refuses it, the patient has an open one, or Temporal holds something else
                under its workflow id.
            NotAllowed: the person acts in no working session, and nothing happened.
            Unavailable, RecordUnavailable: it is not possible now.
        """
        decided = decide(None, command, self._context.now())
        if isinstance(decided, Refusal):
            raise Refused(decided)
        wanted = _wanted(await self._context.record(), referral, decided)
        known = await _to_its_end(self._enrol_and_start(referral, command, wanted))
        if known is not None:
            return known
        record = await self._context.record()
        try:
            position = await record.wait_for(referral.journey_id, 1, RECORDED_WITHIN)
        except (NotYetRecorded, RecordUnavailable):
            return Started("accepted", referral.journey_id, referral.request)
        # Temporal may have held a start of this request before, with other content.
        await self._require_same(record, referral, command)
        return Started("started", referral.journey_id, referral.request, 1, position)

    async def _enrol_and_start(self, referral: Referral, command: Command, wanted: WantedEnrolment) -> Started | None:
        """Return the journey that was recorded before; None if it was started now."""
        record, journeys = await self._context.record(), await self._context.journeys()
        # Whoever may not send it must not enrol anybody: that would keep every other start of this patient out.
        proven = await sessions.prove_command(self._context, referral.journey_id, command)
        try:
            enrolment = await patient_index.enrol(
                record,
                wanted.opening,
                pathway=wanted.pathway,
                request_id=wanted.request_id,
                journey_id=wanted.journey_id,
            )
        except TwoPatients:
            raise requests.known_as_two() from None
        known = await self._known(record, referral, command, enrolment)
        if known is None:
            self._require_alike(await journeys.start(proven), command)
        return known

    def _require_alike(self, held: Command | None, sent: Command) -> None:
        """Require that the start which Temporal held already is of this referral.

        Raises:
            Conflict: it is of another one, under the same request id.
        """
        if held is None or not isinstance(held.body, StartPathway) or not isinstance(sent.body, StartPathway):
            return
        if found := requests.differences(held.body, sent.body):
            raise requests.request_reused(found if held.body.clinic in self._context.person.clinics else ())

    async def _known(
        self, record: Record, referral: Referral, command: Command, enrolment: Enrolment
    ) -> Started | None:
        """Return the journey that this request started before; None if it is to be started.

        Raises:
            Conflict: the patient has an open one, the request was another one, or its journey has closed.
        """
        if enrolment.outcome == "active":
            raise requests.journey_open()
        if enrolment.outcome == "enrolled":
            return None
        await self._require_same(record, referral, command)
        if enrolment.outcome == "other_request":
            raise requests.request_reused(())
        head = await record.head(referral.journey_id)
        if head is None or head.version == 0:
            return None
        if head.status == "closed":
            raise requests.journey_closed(referral.journey_id, referral.request)
        return Started("already_started", referral.journey_id, referral.request, head.version, head.position)

    async def _require_same(self, record: Record, referral: Referral, command: Command) -> None:
        """Require that the journey of this request, as far as it is recorded, began with this referral.

        Raises:
            Conflict: it began with another one. Only people of its clinic are told in what it differs.
            Fault: its opening cannot be read.
        """
        stored, body = await record.load_opening(referral.journey_id), command.body
        try:
            began = None if stored is None else from_stored(stored).body
        except UnreadableEvent as event:
            raise unreadable_event(event) from None
        if not isinstance(began, PathwayStarted) or not isinstance(body, StartPathway):
            return
        if found := requests.differences(began, body):
            raise requests.request_reused(found if began.clinic in self._context.person.clinics else ())


async def start_one(starter: Starter, referral: Referral, command: Command) -> Started:
    """Start one journey, and return it once it is recorded.

    Raises:
        Refused, Conflict: as `Starter.start`.
        Unavailable: as there; or Temporal holds it and it is not recorded yet, or whether it arrived is not known.
    """
    try:
        started = await starter.start(referral, command)
        if started.outcome != "accepted":
            return started
        reason, state = "accepted, not yet recorded", HELD
    except RecordUnavailable as away:
        told = record_outage(away, state=UNKNOWN_STATE)
        reason, state = told.reason, told.state
    raise Unavailable(
        reason,
        f"Send the same referral again: it starts nothing twice. {CALL}",
        state=state,
        ids={"journey_id": str(referral.journey_id), "request_id": str(referral.request)},
    )


async def _to_its_end(steps: Coroutine[Any, Any, Known]) -> Known:
    """Do what must not be left half done, also if the task is cancelled meanwhile; a second time it is left."""
    doing = asyncio.ensure_future(steps)
    try:
        return await asyncio.shield(doing)
    except asyncio.CancelledError:
        await asyncio.wait([doing])
        with suppress(asyncio.CancelledError):
            doing.exception()
        raise


def _wanted(record: Record, referral: Referral, decided: tuple[Event, ...]) -> WantedEnrolment:
    opening = opening_of(record.patients, fold(decided))
    return WantedEnrolment(opening, referral.pathway, referral.request, referral.journey_id)
