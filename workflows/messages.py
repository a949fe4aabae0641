"""The messages between a journey and the outside: how a run begins, its activities, and its answers.

The workflow knows only these models and signatures. The activities are declared here and implemented in
``activities``. They are not in the workflow's file, because the sandbox builds everything there again for each journey.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from uuid import UUID

from pydantic import Field
from temporalio import activity
from temporalio.common import RawValue, RetryPolicy

from workflows.journey.actors import CareTeamMember, Role
from workflows.journey.aggregate import Journey
from workflows.journey.always.patient.model import Elsewhere
from workflows.journey.base import Identifier, ImmutableModel, digest
from workflows.journey.calendars import Instant
from workflows.journey.commands import Command, KeepUnreadable
from workflows.journey.events import Event
from workflows.journey.limits import COMMAND_LIMIT, EVENT_LIMIT
from workflows.journey.notices import Notice
from workflows.journey.receipts import CommandReceipt
from workflows.journey.refusals import Refusal, RefusalCode
from workflows.journey.vocabulary import UsState

ATTEMPT = timedelta(seconds=15)
"""How long one attempt may take. The record's own timeouts are shorter."""
MOMENT = timedelta(seconds=2)
"""How long the check of a signature may take while somebody waits for the answer."""
PAYLOAD_BYTES = 4 * EVENT_LIMIT
"""The largest payload, 1 MiB. Temporal's own limit is twice as much."""
HANDOVER_BYTES = 2_000_000
"""The largest state that one run hands to the next. A larger journey stays in its run."""
DIVERGED = "Diverged"
"""The record holds other events for these versions: never retried, never overwritten."""
LIMIT = "Limit"
"""The record takes no event of this size, or no more of them at once: retried until the limit is higher. Nothing is
lost meanwhile."""
OPEN_JOURNEY = "OpenJourney"
"""The patient has another open journey with this medicine, so this one does not begin: never retried."""
TRY_AGAIN = "TryAgain"
"""The journey cannot take a command at this moment. Nothing happened; the command may be sent again unchanged."""
NOT_CHECKED = "NotChecked"
"""A signature cannot be checked now. Nothing happened; the command may be sent again unchanged."""
RETRY = RetryPolicy(
    initial_interval=timedelta(milliseconds=200),
    backoff_coefficient=2.0,
    maximum_interval=timedelta(seconds=30),
    maximum_attempts=0,
    non_retryable_error_types=[DIVERGED],
)
"""Retries without end: during an outage everybody sees the pending activity with its attempts."""
REFUSE_UNKNOWN = "refuse_unknown"
"""The name under which a worker lets a validator look at the register: from a `SignatureCheck` to a refusal or None.
It raises RuntimeError while the register cannot be read."""
ONCE = RetryPolicy(maximum_attempts=1)


class Batch(ImmutableModel):
    """Events to record at the end of a journey. Their notices leave once they are recorded."""

    journey_id: UUID
    expected_version: int
    events: tuple[Event, ...]
    closes: bool


class Recorded(ImmutableModel):
    """The events are recorded up to this version, at this position of the log.

    ``elsewhere`` is what the patient's other journeys say up to there, if the journey has to take that in. Where the
    events rest on less, none of them is recorded: the version is the one that was expected.
    """

    version: int
    position: int
    elsewhere: Elsewhere | None = None


class StateDigest(ImmutableModel):
    """The state that a run was started with: its version and its digest in hex; version 0 if it had none.

    ``after_version`` asks for the next page, when the record turned out to say something else.
    """

    journey_id: UUID
    version: int = 0
    digest: str = ""
    after_version: int = 0


def state_digest(journey: Journey, receipts: Mapping[UUID, CommandReceipt]) -> StateDigest:
    """SHA-256 over the whole state of a journey and its receipts."""
    known = {str(command_id): receipt.model_dump(mode="json") for command_id, receipt in receipts.items()}
    value = digest([journey.model_dump(mode="json"), known])
    return StateDigest(journey_id=journey.id, version=journey.version, digest=value)


class EventPage(ImmutableModel):
    """All recorded events, the oldest first, in pages, if the record differs from the run; none if they agree.

    ``run_id`` is of the run that asked.
    """

    events: tuple[Event, ...] = ()
    more: bool = False
    run_id: str


class SignatureCheck(ImmutableModel):
    """A command to be checked: when it was handed in (UTC), in a journey of which clinic, and the state where the
    patient is. ``claimed`` is what it claims that the register says of the staff."""

    journey_id: UUID
    clinic: Identifier
    state: UsState
    command: Command
    claimed: tuple[CareTeamMember, ...] = ()
    at: Instant


class SignatureResult(ImmutableModel):
    """Whether the sender is who they say and a signature is valid, or why not."""

    refusal: Refusal | None = None


class Alarm(ImmutableModel):
    """Notices that cannot wait for the record, in a journey of this clinic."""

    clinic: Identifier
    notices: tuple[Notice, ...]


class JourneyInput(ImmutableModel):
    """How a run begins: with the command that starts the journey, or with the state of the previous run."""

    start: Command | None = None
    journey: Journey | None = None
    receipts: Mapping[UUID, CommandReceipt] = Field(default_factory=dict)
    unreadable: int = 0


class Receipt(ImmutableModel):
    """The answer to a command: the version of the journey after it, or a refusal that was recorded."""

    version: int
    refusal: Refusal | None = None


class JourneyResult(ImmutableModel):
    """How a journey ended, and its last version, recorded."""

    outcome: str
    version: int


QUARANTINED = Refusal(
    code=RefusalCode.HELD,
    reason="this journey is quarantined: its record says something else",
    remedy="Tell ops; nothing was overwritten",
)

ALREADY_OPEN = Refusal(
    code=RefusalCode.ALREADY_STARTED,
    reason="this patient has an open journey with this medicine",
    remedy="Only one is open at a time, at whatever clinic; see `patient show`, and end that one first",
    field="patient.ref",
)


def screen(command: Command) -> Refusal | None:
    """Return why a command is refused whoever sends it, before the journey decides."""
    if command.actor.role == Role.SYSTEM:
        return Refusal(
            code=RefusalCode.NOT_ALLOWED,
            reason="nobody acts as the clock",
            remedy="Use your own profile",
            field="actor.role",
        )
    if command.too_large:
        return Refusal(
            code=RefusalCode.OUT_OF_LIMITS,
            reason=f"a command takes at most {command.limit} bytes",
            remedy="Send less text; documents belong elsewhere, by reference",
        )
    return None


def read_signal(name: str, payload: Sequence[RawValue]) -> Command | KeepUnreadable:
    """Return the command in a signal, or, if it cannot be read, a command that keeps it for people to look at."""
    content = [raw.payload.data for raw in payload]
    if name in ("command", "sign_off") and len(content) == 1 and len(content[0]) <= COMMAND_LIMIT:
        try:
            return Command.model_validate_json(content[0])
        except ValueError:
            pass
    text = "\n".join(part.decode(errors="replace") for part in content)[:16_000]
    return KeepUnreadable(name=name.strip()[:200] or "unnamed", content=text)


@activity.defn
async def append_to_record(batch: Batch) -> Recorded:
    """Record a batch once, then leave its notices.

    Raises:
        ApplicationError: of type `DIVERGED`, the record says something else, or the batch claims what nobody signed; of
            type `OPEN_JOURNEY`, the patient has another open journey with this medicine. To be retried, of type
            `LIMIT`: the record takes no batch of this size.
    """
    raise NotImplementedError


@activity.defn
async def catch_up_with_record(handed: StateDigest) -> EventPage:
    """Say what is recorded of a journey, if it is not what the run was handed."""
    raise NotImplementedError


@activity.defn
async def raise_alarm(alarm: Alarm) -> None:
    """Deliver notices that cannot wait for the record."""
    raise NotImplementedError


@activity.defn
async def verify_signature(presented: SignatureCheck) -> SignatureResult:
    """Say whether the sender of a command is who they say, and a signature is valid. It fails while that cannot be
    checked."""
    raise NotImplementedError


@activity.defn
async def anchor_record() -> int:
    """Write an anchor of the record, and return its position."""
    raise NotImplementedError
