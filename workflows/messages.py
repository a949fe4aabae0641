"""What passes between a journey and the world: how a run begins, what its activities take and give, its answers.

The workflow knows these shapes and nothing of what is behind them. They are apart from it because the sandbox
builds everything in the workflow's own file anew for each journey.
"""

from collections.abc import Mapping
from datetime import timedelta
from uuid import UUID

from pydantic import Field
from temporalio.common import RetryPolicy

from workflows.journey.aggregate import Journey
from workflows.journey.base import Identifier, ImmutableModel, digest
from workflows.journey.calendars import Instant
from workflows.journey.commands import Command
from workflows.journey.events import Event
from workflows.journey.notices import Notice
from workflows.journey.receipts import CommandReceipt
from workflows.journey.refusals import Refusal

APPEND = "append_to_record"
ALARM = "raise_alarm"
LOAD = "load_from_record"
COMPARE = "compare_with_record"
VERIFY = "verify_sign_off"
ANCHOR = "anchor_record"
CHECK = "check_signature"
"""The function a worker gives its workflows: `Presented` to a refusal or None. For validators, which never replay."""
REFUSED = "refused"
"""The signal by which a worker has an attempt kept that a validator refused."""

ATTEMPT = timedelta(seconds=15)
"""How long one attempt may take. The record's own timeouts are shorter."""
PAYLOAD_BYTES = 1024 * 1024
"""What goes into one payload at most. Temporal takes twice as much, and nothing at all beyond it."""
DIVERGED = "Diverged"
"""The record holds other events for these versions: never retried, never overwritten."""
RETRY = RetryPolicy(
    initial_interval=timedelta(milliseconds=200),
    backoff_coefficient=2.0,
    maximum_interval=timedelta(seconds=30),
    maximum_attempts=0,
    non_retryable_error_types=[DIVERGED],
)
"""For ever: an outage is waited out in sight of everybody, as a pending activity with its attempts."""


class Batch(ImmutableModel):
    """Events to record at the end of a journey. Their notices leave once they are."""

    journey_id: UUID
    expected_version: int
    events: tuple[Event, ...]
    closes: bool


class Recorded(ImmutableModel):
    """The events are recorded up to this version, at this position of the log."""

    version: int
    position: int


class Load(ImmutableModel):
    """Which events of a journey to read: those after this version."""

    journey_id: UUID
    after_version: int


class EventPage(ImmutableModel):
    """The next events as recorded, oldest first, whether there are more, and the run that asked."""

    events: tuple[Event, ...]
    more: bool
    run_id: str


class StateDigest(ImmutableModel):
    """The state a run was handed: at which version, and the digest of it (`state_digest`)."""

    journey_id: UUID
    version: int
    digest: str


def state_digest(journey: Journey, receipts: Mapping[UUID, CommandReceipt]) -> str:
    """SHA-256 over the whole state of a journey and its receipts, in hex."""
    known = {str(command_id): receipt.model_dump(mode="json") for command_id, receipt in receipts.items()}
    return digest([journey.model_dump(mode="json"), known])


class SignatureCheck(ImmutableModel):
    """A signed decision as it was handed in: when (UTC), and the state the patient is in."""

    journey_id: UUID
    state: Identifier
    command: Command
    at: Instant


class SignatureResult(ImmutableModel):
    """Whether a signature counts, or why not."""

    refusal: Refusal | None = None


class Attempt(ImmutableModel):
    """A decision that was refused for its signature, and why."""

    command: Command
    refusal: Refusal


class Alarm(ImmutableModel):
    """Notices that cannot wait for the record."""

    notices: tuple[Notice, ...]


class JourneyInput(ImmutableModel):
    """How a run begins: with the command that starts the journey, or where the previous run left off."""

    start: Command | None = None
    journey: Journey | None = None
    receipts: Mapping[UUID, CommandReceipt] = Field(default_factory=dict)
    recorded: int = 0
    unreadable: int = 0


class Receipt(ImmutableModel):
    """The answer to a command: the version of the journey after it, or why it was refused and kept."""

    version: int
    refusal: Refusal | None = None


class JourneyResult(ImmutableModel):
    """How a journey ended, and its last version, recorded."""

    outcome: str
    version: int
