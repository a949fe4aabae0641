"""The messages between a journey and the outside: how a run begins, its activities, and its answers.

The workflow knows only these models and signatures. The activities are declared here and implemented in
``activities``. They are not in the workflow's file, because the sandbox builds everything there again for each journey.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from functools import cached_property
from hashlib import sha256
from typing import NamedTuple, Self
from uuid import UUID

from pydantic import Field
from temporalio import activity
from temporalio.common import RetryPolicy

from workflows.authenticity import Foreign
from workflows.journey.aggregate import Journey
from workflows.journey.always.patient.model import Elsewhere
from workflows.journey.commands import Command
from workflows.journey.decided import Batch
from workflows.journey.folded import JourneyState
from workflows.journey.receipts import CommandReceipt
from workflows.journey.views.notices import Notice
from workflows.journey.vocabulary.actors import CareTeamMember
from workflows.journey.vocabulary.base import Identifier, ImmutableModel
from workflows.journey.vocabulary.calendars import Instant
from workflows.journey.vocabulary.limits import EVENT_LIMIT
from workflows.journey.vocabulary.refusals import Refusal, RefusalCode
from workflows.journey.vocabulary.signed_statement import Scope
from workflows.signals import Further, Signal, Unchecked

ATTEMPT = timedelta(seconds=15)
"""How long one attempt may take. The record's own timeouts are shorter."""
PATIENCE = timedelta(minutes=5)
"""How long an activity may go without an answer, with all its attempts, before the run asks by a new one. It doubles
each time: in a long outage the history hardly grows."""
LONGEST_PATIENCE = timedelta(hours=1)
MOMENT = timedelta(seconds=2)
"""How long the check of a sender or of a signature may take while somebody waits for the answer; how long the clock
waits at first for the record; and the pause before the run asks or looks again, or takes commands again."""
MOMENTARY = timedelta(milliseconds=1)
"""A pause that lets in what has arrived."""
TRIED_AGAIN = timedelta(minutes=1)
"""After how long a deadline that could not be passed is tried again."""
PAYLOAD_BYTES = 4 * EVENT_LIMIT
"""The largest payload, 1 MiB. Temporal's own limit is twice as much."""
STATE_BYTES = 64 * 1024 * 1024
"""How large a state may become, as JSON: to read it takes a worker about a second. Ops are told at half."""
UPDATES_IN_RUN = 500
"""How many updates one run takes. Temporal takes 2,000, and a reset applies those of a run again."""
SIGNALS_IN_RUN = 250
"""How many signals one run takes. Temporal takes 10,000 unless it is told otherwise; see deploy/local/temporal.py."""
EVENTS_IN_RUN = 2_000
"""How many history events one run has. Temporal takes 51,200, and whoever wakes a run replays them."""
BYTES_IN_RUN = 4 * 1024 * 1024
"""How large the history of one run becomes. Temporal ends a run at 50 MB."""
NEAR_LIMIT = {"updates": 1_000, "events": 25_600, "bytes": 25_000_000, "state": STATE_BYTES // 2}
"""Half of each limit, at which ops are told: the first three are Temporal's, of one run."""
READ_BACK = timedelta(seconds=60)
"""How long it may take to read a whole journey back from the record."""
SIGN_OF_LIFE = timedelta(seconds=10)
"""After so long without a sign of life from whoever reads a journey back, another worker does it: people wait for it.
An answer of 64 MB takes seconds to be written, which gives none."""
STRANGERS_OPEN = 100
"""How many open tasks there may be from what was sent without the keys of the service. What comes then is counted."""
STRANGERS_ALARMS = 4
"""How many alarms from such messages leave at a time, so that an alarm from anybody else waits behind few."""
ALARMS_AT_ONCE = 1_500
"""How many alarms of one journey are on their way at a time; the others wait in turn. Temporal lets a run have 2,000
activities pending, and fails every task of one that asks for more."""
MESSAGES_KEPT = 100
"""How many messages that cannot be read, and that ops have not handled, one journey keeps. Those after them are
counted, with their size and digest, and care is held."""
DIVERGED = "Diverged"
"""The record holds other events for these versions: never retried, never overwritten."""
NOT_TAKEN = "NotTaken"
"""The record does not take the first command of a batch: it does not follow there, or nothing proves who sent it. Never
retried: the run decides again after what is recorded."""
UNPROVEN_RECORD = "UnprovenRecord"
"""What is recorded of the journey is not proven, and all of a batch would move care on: never retried."""
LIMIT = "Limit"
"""The record takes no event of this size, or no more of them at once: retried until the limit is higher. Nothing is
lost meanwhile."""
OTHER_BUILD = "OtherBuild"
"""A batch was decided by other rules than those of the worker that should record it: retried for a worker that has
them."""
AHEAD = "AheadOfClock"
"""A batch is dated ahead of the record's clock: retried until that has come so far."""
UNPROVEN = "not recorded: "
"""How the reason begins, where a batch claims what nobody may. Otherwise the record has something else."""
OPEN_JOURNEY = "OpenJourney"
"""The patient has another open journey with this medicine, so this one does not begin: never retried."""
TRY_AGAIN = "TryAgain"
"""The journey cannot take a command at this moment. Nothing happened; the command may be sent again unchanged."""
UNDECIDED = "Undecided"
"""A command was accepted before the journey was quarantined. It is decided again once ops have set the journey back, so
nobody may be told that it was refused."""
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
DECIDED_BY = "decided_by"
"""The name under which a worker tells a run which rules it has: a function without arguments, to a `DecidedBy`."""
REFUSE_UNKNOWN = "refuse_unknown"
"""The name under which a worker lets a validator look at the register: from a `SignatureCheck` to a refusal or None.
It raises RuntimeError while the register cannot be read."""
CONSOLE_PAGE = "console_page"
"""The name under which a worker tells a run where the console shows a journey: from its id to an address, or None. It
stands in what Temporal shows alone, which no history has: another address needs no new run."""
ONCE = RetryPolicy(maximum_attempts=1)
NOT_AUTHENTIC = "NotAuthentic"
"""The type of a failure that says to be ours, and was not made with the keys."""
PUBLIC_FAILURES = frozenset({AHEAD, DIVERGED, LIMIT, OPEN_JOURNEY, OTHER_BUILD, TRY_AGAIN, UNDECIDED, NOT_CHECKED})
"""Types of failures that Temporal may show. All others, such as why a command was refused, are encrypted."""


class Recorded(ImmutableModel):
    """The events are recorded up to this version, at this position of the log.

    Where that is not the last version of the batch, nothing after it was recorded, and the run decides the rest again
    after reading the record: a command is recorded already or not taken, a signature has expired meanwhile, or more is
    known of the patient.
    ``elsewhere`` is what the patient's other journeys say up to there, if the journey has to take that in. ``mark`` is
    that of the record up to the version, as `record_mark` writes it.
    """

    version: int
    position: int
    elsewhere: Elsewhere | None = None
    mark: str = ""


class Others(ImmutableModel):
    """What the other journeys of a patient say, true up to a position of the log."""

    elsewhere: Elsewhere
    position: int
    staff: tuple[CareTeamMember, ...] = ()
    """What the register says now of those whose tasks the journey has, where it does not know it."""


class StateDigest(ImmutableModel):
    """A state in short: its version and its digest in hex; version 0 for none. ``reset``: a reset made the run that
    asks."""

    journey_id: UUID
    version: int = 0
    digest: str = ""
    reset: bool = False


def state_digest(journey: Journey, spelled: bytes) -> StateDigest:
    """SHA-256 over a whole state, spelled in JSON (`JourneyState.spelled`)."""
    return StateDigest(journey_id=journey.id, version=journey.version, digest=sha256(spelled).hexdigest())


class AnsweredBefore(ImmutableModel):
    """How updates were answered before a reset, by their ids, of which nothing happened: that they cannot be checked,
    or that they are refused, and why. And when commands were ``taken`` whose senders were told that they are accepted
    (UTC), by their digests: an update's id is anybody's to choose."""

    unchecked: tuple[str, ...] = ()
    refused: tuple[tuple[str, Refusal], ...] = ()
    taken: tuple[tuple[str, Instant], ...] = ()

    def beside(self, recorded: Iterable[CommandReceipt]) -> "AnsweredBefore":
        """Return the same without when those were taken that are recorded: there may be very many."""
        known = {receipt.digest for receipt in recorded}
        taken = tuple(each for each in self.taken if each[0] not in known)
        return self.model_copy(update={"taken": taken})


class RecordedState(ImmutableModel):
    """The state as recorded, if it differs from that of the run; none if they agree, or nothing is recorded.

    ``run_id`` is of the run that asked, and ``mark`` that of the record, as `record_mark` writes it; empty without one.
    ``answered`` says how updates of before a reset were answered.
    """

    state: JourneyState | None = None
    run_id: str
    mark: str = ""
    answered: AnsweredBefore = AnsweredBefore()


class SignatureCheck(ImmutableModel):
    """A command to be checked: when it was handed in (UTC), in a journey of which scope. ``claimed`` are entries of the
    register as it quotes them, ``rests_on`` the people whose entries it has to quote; ``lent`` are the keys of those
    who lent its sender the right they have not themselves."""

    journey_id: UUID
    scope: Scope
    command: Command
    claimed: tuple[CareTeamMember, ...] = ()
    rests_on: tuple[Identifier, ...] = ()
    lent: tuple[Identifier, ...] = ()
    at: Instant


class SignatureResult(ImmutableModel):
    """Whether the sender is who they say and a signature is valid, or why not."""

    refusal: Refusal | None = None


class Alarm(ImmutableModel):
    """Notices that cannot wait for the record, in a journey of this clinic. ``logged``: the log has them already."""

    clinic: Identifier
    notices: tuple[Notice, ...]
    logged: bool = False


class Attempted(ImmutableModel):
    """What an attempt to raise an alarm leaves to the next one, once the log has it: its notices, so that it says
    nothing of another alarm, for which somebody may hand it in. A model, because its payload then says what it is:
    Temporal shows it to whoever takes the next attempt, and it is nobody's answer."""

    notices: tuple[Notice, ...]

    @classmethod
    def of(cls, alarm: Alarm) -> Self:
        """Return what an attempt to raise this alarm leaves."""
        return cls(notices=alarm.notices)


def is_logged(alarm: Alarm, left: Sequence[object]) -> bool:
    """Whether the log has an alarm, by what the attempts before this one ``left``."""
    return alarm.logged or Attempted.of(alarm).model_dump(mode="json") in left


class JourneyInput(ImmutableModel):
    """How a run begins: with the command that starts the journey, or with the state of the previous run and the
    signals that it has not decided on. ``strangers`` are the open tasks from what was sent without the keys; ``look``:
    it looks at the patient's other journeys."""

    start: Command | None = None
    journey: Journey | None = None
    receipts: Mapping[UUID, CommandReceipt] = Field(default_factory=dict)
    unreadable: int = 0
    further: Further = Further()
    signals: tuple[Signal, ...] = ()
    unchecked: tuple[Unchecked, ...] = ()
    strangers: tuple[Identifier, ...] = ()
    look: bool = False

    @cached_property
    def handed(self) -> "HandedState | None":
        """The state it brings, in short; None for a start. Worked out once: for a large one it takes long."""
        if self.journey is None:
            return None
        spelled = JourneyState.model_construct(journey=self.journey, receipts=self.receipts).spelled
        return HandedState(digest=state_digest(self.journey, spelled), size=len(spelled))


class HandedState(NamedTuple):
    """The state that a run begins with: its digest, and its size as JSON, in bytes."""

    digest: StateDigest
    size: int


class Receipt(ImmutableModel):
    """The answer to a command: the version of the journey after it, or a refusal that was recorded. ``answers`` is the
    digest of the command, so that nobody can show it as the answer to another one."""

    version: int
    refusal: Refusal | None = None
    answers: str


class JourneyResult(ImmutableModel):
    """How a journey ended, and its last version, recorded."""

    outcome: str
    version: int


QUARANTINED = Refusal(
    code=RefusalCode.HELD,
    reason="this journey is quarantined: its record says something else, or cannot be read",
    remedy="Tell ops; nothing was overwritten",
)

LEFT_OUT = Refusal(
    code=RefusalCode.SIGNATURE,
    reason="this was accepted, and the record did not take it: it does not follow from what is recorded, or nothing "
    "proves who sent it",
    remedy="Nothing else is lost. Send it again under a new id; if it is urgent, call",
)

NOT_READ = Refusal(
    code=RefusalCode.NOT_ALLOWED,
    reason="this came past the service, and cannot be read as a command",
    remedy="Nothing happened; send it with `starter.py`, by your own profile",
)

COUNTED = Refusal(
    code=RefusalCode.HELD,
    reason="very much came past the service that nobody has dealt with yet, so this is only counted: care is held",
    remedy="Call whoever is responsible for the patient, or send it with `starter.py`",
)

FOREIGN_START = Refusal(
    code=RefusalCode.NOT_ALLOWED,
    reason="it was started without the keys of this service, so there is no journey",
    remedy="Start it with starter.py",
)

ALREADY_OPEN = Refusal(
    code=RefusalCode.ALREADY_STARTED,
    reason="this patient has an open journey with this medicine",
    remedy="Only one is open at a time, at whatever clinic; see `patient show`, and end that one first",
    field="patient.ref",
)


def read_update(given: Command | Foreign) -> tuple[Command, bool]:
    """Return the command of an update, and whether whoever sent it has the keys.

    Raises:
        ValueError: somebody without the keys sent something else.
    """
    if isinstance(given, Foreign):
        return Command.model_validate_json(given.content), False
    return given, True


@activity.defn
async def append_to_record(batch: Batch) -> Recorded | Foreign:
    """Record a batch once, then leave its notices.

    Raises:
        ApplicationError: of type `DIVERGED`, the record says something else, or the batch does not follow from its
            commands, or claims what nobody signed; of type `UNPROVEN_RECORD`, it would move care on after what nobody
            proves; of type `OPEN_JOURNEY`, the patient has another open journey with
            this medicine. To be retried, of type `LIMIT`: the record takes no batch of this size; of type
            `OTHER_BUILD`: other rules than this worker's decided it, and with these it comes out otherwise; of type
            `AHEAD`: it is dated ahead of the record's clock.
    """
    raise NotImplementedError


@activity.defn
async def catch_up_with_record(handed: StateDigest) -> RecordedState | Foreign:
    """Return the state of a journey as recorded, if it is not what the run was handed.

    Raises:
        ApplicationError: of type `DIVERGED`, an event of it cannot be read.
    """
    raise NotImplementedError


@activity.defn
async def look_at_others(journey_id: UUID) -> Others | Foreign:
    """Say what the other journeys of a recorded journey's patient say now."""
    raise NotImplementedError


@activity.defn
async def raise_alarm(alarm: Alarm) -> bool | Foreign:
    """Deliver notices that cannot wait for the record. True: they are delivered."""
    raise NotImplementedError


@activity.defn
async def verify_signature(presented: SignatureCheck) -> SignatureResult | Foreign:
    """Say whether the sender of a command is who they say, and a signature is valid. It fails while that cannot be
    checked."""
    raise NotImplementedError


@activity.defn
async def anchor_record() -> int | Foreign:
    """Write an anchor of the record, and return its position."""
    raise NotImplementedError
