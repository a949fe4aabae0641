"""The messages between a journey and the outside: how a run begins, its activities, and its answers.

The workflow knows only these models and signatures. The activities are declared here and implemented in
``activities``. They are not in the workflow's file, because the sandbox builds everything there again for each journey.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import cached_property
from hashlib import sha256
from itertools import accumulate
from typing import NamedTuple
from uuid import UUID

from pydantic import ConfigDict, Field
from temporalio import activity
from temporalio.common import RawValue, RetryPolicy

from workflows.authenticity import Foreign, is_authentic
from workflows.fairness import Rank, without
from workflows.journey.actors import CareTeamMember
from workflows.journey.aggregate import Journey
from workflows.journey.always.patient.model import Elsewhere
from workflows.journey.always.safety.model import FURTHER
from workflows.journey.base import Identifier, ImmutableModel, digest
from workflows.journey.calendars import Instant
from workflows.journey.commands import Command, KeepUnreadable
from workflows.journey.decided import DecidedBy, DecidedCommand, refuse_by_hand
from workflows.journey.folded import JourneyState
from workflows.journey.limits import COMMAND_LIMIT, EVENT_LIMIT
from workflows.journey.notices import Notice
from workflows.journey.receipts import CommandReceipt
from workflows.journey.refusals import Refusal, RefusalCode
from workflows.journey.signed_statement import Scope

ATTEMPT = timedelta(seconds=15)
"""How long one attempt may take. The record's own timeouts are shorter."""
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
MESSAGE_BYTES = 16_000
"""How much of a message that cannot be read is kept, in bytes of UTF-8."""
WAITING_BYTES = 8 * 1024 * 1024
"""How many bytes of signals may wait to be read, in one run and on the way to the next. Of those that come then, only
size and digest are kept."""
SENDER_BYTES = 1024 * 1024
"""How many of them may be of one sender, so that nobody takes the room of all others; and how many bytes of one
sender's commands may wait to be checked."""
SENDER_WAITING = 1_000
"""How many signals of one sender may wait to be read, and how many of their commands to be checked. Those after them
are counted, with their size and digest, and care is held."""
STRANGERS_OPEN = 100
"""How many open tasks there may be from what was sent without the keys of the service. What comes then is counted."""
STRANGERS_ALARMS = 4
"""How many alarms from such messages leave at a time, so that an alarm from anybody else waits behind few."""
MESSAGES_KEPT = 100
"""How many messages that cannot be read, and that ops have not handled, one journey keeps. Those after them are
counted, with their size and digest, and care is held."""
DIVERGED = "Diverged"
"""The record holds other events for these versions: never retried, never overwritten."""
NOT_TAKEN = "NotTaken"
"""The record does not take the first command of a batch: it does not follow there, or nothing proves who sent it. Never
retried: the run decides again after what is recorded."""
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
ONCE = RetryPolicy(maximum_attempts=1)
NOT_AUTHENTIC = "NotAuthentic"
"""The type of a failure that says to be ours, and was not made with the keys."""
PUBLIC_FAILURES = frozenset({AHEAD, DIVERGED, LIMIT, OPEN_JOURNEY, OTHER_BUILD, TRY_AGAIN, UNDECIDED, NOT_CHECKED})
"""Types of failures that Temporal may show. All others, such as why a command was refused, are encrypted."""


class Batch(ImmutableModel):
    """Commands to record at the end of a journey, with the events that the record derives from them. Nothing is
    recorded of what does not come out the same there. Notices leave once their events are recorded."""

    journey_id: UUID
    expected_version: int
    commands: tuple[DecidedCommand, ...]
    by: DecidedBy = DecidedBy()

    @property
    def last_version(self) -> int:
        """The version of the journey after all of it."""
        return self.expected_version + sum(each.events for each in self.commands)

    def until(self, version: int) -> "Batch":
        """Return the same with its first commands only: those whose events are no later than a version."""
        reached = accumulate((each.events for each in self.commands), initial=self.expected_version)
        first = sum(1 for each in reached if each <= version) - 1
        return self.model_copy(update={"commands": self.commands[: max(first, 0)]})


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


def record_mark(version: int, journey_hash: bytes) -> str:
    """Say in short which record a run rests on: the version up to which it is recorded, and the start of the journey's
    hash there. By it the list of all runs is compared with the record without asking any of them."""
    return f"{version}:{journey_hash.hex()[:16]}"


def mark_version(mark: str) -> int:
    """Return the version of a mark; 0 for what is none."""
    version, _, digest = mark.partition(":")
    return int(version) if version.isdecimal() and digest else 0


class StateDigest(ImmutableModel):
    """A state in short: its version and its digest in hex; version 0 for none."""

    journey_id: UUID
    version: int = 0
    digest: str = ""


def state_digest(journey: Journey, spelled: bytes) -> StateDigest:
    """SHA-256 over a whole state, spelled in JSON (`JourneyState.spelled`)."""
    return StateDigest(journey_id=journey.id, version=journey.version, digest=sha256(spelled).hexdigest())


class RecordedState(ImmutableModel):
    """The state as recorded, if it differs from that of the run; none if they agree, or nothing is recorded.

    ``run_id`` is of the run that asked, and ``mark`` that of the record, as `record_mark` writes it; empty without one.
    """

    state: JourneyState | None = None
    run_id: str
    mark: str = ""


class SignatureCheck(ImmutableModel):
    """A command to be checked: when it was handed in (UTC), in a journey of which scope. ``claimed`` is what it claims
    that the register says of the staff, and ``lent`` the keys of those who lent its sender the right they have not
    themselves."""

    journey_id: UUID
    scope: Scope
    command: Command
    claimed: tuple[CareTeamMember, ...] = ()
    lent: tuple[Identifier, ...] = ()
    at: Instant


class SignatureResult(ImmutableModel):
    """Whether the sender is who they say and a signature is valid, or why not."""

    refusal: Refusal | None = None


class Alarm(ImmutableModel):
    """Notices that cannot wait for the record, in a journey of this clinic."""

    clinic: Identifier
    notices: tuple[Notice, ...]


class Signal(ImmutableModel):
    """A signal as it came. Of one that is too large, or came when too much was waiting, there is only the size in bytes
    and the SHA-256. It is ``authentic`` if whoever made it has the keys; otherwise somebody sent it by hand."""

    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    name: str
    contents: tuple[bytes, ...] = ()
    size: int
    sha256: str = ""
    authentic: bool = False
    rank: Rank = Rank.REST
    sender: str = ""

    @property
    def held(self) -> int:
        """How many bytes wait to be read."""
        return 0 if self.sha256 else self.size


class Unchecked(ImmutableModel):
    """A command that came as a signal, of so many bytes, and waits until its signature, or its sender, is checked."""

    command: Command
    authentic: bool = False
    size: int = 0

    @property
    def rank(self) -> Rank:
        """What it goes before: all that waits here is equal."""
        return Rank.READABLE

    @property
    def sender(self) -> str:
        """Who sent it, if that may be believed so far."""
        return self.command.actor.id if self.authentic else ""


class Further(ImmutableModel):
    """Messages that could not be read, and commands that were refused, beyond those that are kept: how many, how large
    together (bytes), and one SHA-256 over all of theirs, in the order in which they came."""

    count: int = 0
    size: int = 0
    sha256: str = ""

    def and_one(self, message: KeepUnreadable, size: int) -> "Further":
        """Return the same with one more."""
        seen = digest([self.sha256, message.name, message.content])
        return Further(count=self.count + 1, size=self.size + size, sha256=seen)

    @property
    def told(self) -> bool:
        """Whether there are so many that it is recorded again: at 1, 2, 4, 8 and so on."""
        return self.count > 0 and self.count & (self.count - 1) == 0


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


class Signals:
    """Signals that wait to be read, in the order in which they came."""

    def __init__(self, waiting: Sequence[Signal] = ()) -> None:
        self.waiting: list[Signal] = []
        self.bytes = 0
        self._count: Counter[tuple[Rank, str]] = Counter()
        self._bytes: Counter[tuple[Rank, str]] = Counter()
        for signal in waiting:
            self.add(signal)

    def add(self, signal: Signal) -> None:
        """Add one that came."""
        self.waiting.append(signal)
        self._change(signal, 1)

    def remove(self, signals: Sequence[Signal]) -> None:
        """Take out those that are read now."""
        self.waiting = without(self.waiting, signals)
        for signal in signals:
            self._change(signal, -1)

    def has_room(self, one: Signal) -> bool:
        """Whether all of one more may wait, or its digest only."""
        theirs = self._bytes[one.rank, one.sender]
        return theirs + one.size <= SENDER_BYTES and self.bytes + one.size <= WAITING_BYTES

    def is_crowded(self, one: Signal) -> bool:
        """Whether its sender has so much waiting already that one more is only counted."""
        return self._count[one.rank, one.sender] >= SENDER_WAITING

    def _change(self, signal: Signal, by: int) -> None:
        self._count[signal.rank, signal.sender] += by
        self._bytes[signal.rank, signal.sender] += by * signal.held
        self.bytes += by * signal.held


def take_signal(name: str, payload: Sequence[RawValue], *, waiting: Signals) -> Signal:
    """Return a signal to be read, while others wait. One that is too large takes no memory."""
    contents = tuple(raw.payload.data for raw in payload)
    size = sum(map(len, contents))
    authentic = bool(payload) and all(is_authentic(raw.payload) for raw in payload)
    signal = Signal(name=name, contents=contents, size=size, authentic=authentic)
    if size <= COMMAND_LIMIT:
        read = _read_command(signal)
        if isinstance(read, Command):
            rank = Rank.URGENT if read.body.by_anybody else Rank.READABLE
            signal = signal.model_copy(update={"rank": rank, "sender": read.actor.id if authentic else ""})
        if waiting.has_room(signal):
            return signal
    return in_short(signal)


def in_short(signal: Signal) -> Signal:
    """Return only the size and the digest of a signal, which take no room."""
    if signal.sha256:
        return signal
    said = sha256(b"".join(signal.contents)).hexdigest()
    return Signal(name=signal.name[:200], size=signal.size, sha256=said, authentic=signal.authentic)


def is_crowded(waiting: Sequence[Unchecked], one: Unchecked) -> bool:
    """Whether so much of its sender waits to be checked already that one more is only counted."""
    theirs = [each.size for each in waiting if each.sender == one.sender]
    return len(theirs) >= SENDER_WAITING or sum(theirs) + one.size > SENDER_BYTES


def read_signal(signal: Signal) -> Command | KeepUnreadable:
    """Return the command in a signal, or, if it cannot be read or is not taken by hand, a command that keeps it for
    people to look at. What happened (a dose) may be about safety, so that one holds care."""
    read = _read_command(signal)
    if isinstance(read, Command) and not signal.authentic and refuse_by_hand(read) is not None:
        kept = unreadable(f"by hand: {read.body.kind}", _text(signal))
        return kept.model_copy(update={"sent_by_hand": not read.body.fact})
    return read


def _read_command(signal: Signal) -> Command | KeepUnreadable:
    if signal.name in ("command", "sign_off") and len(signal.contents) == 1:
        try:
            return Command.model_validate_json(signal.contents[0])
        except ValueError:
            pass
    return unreadable(signal.name, _text(signal))


def _text(signal: Signal) -> str:
    if signal.sha256:
        return f"Too large to be kept: {signal.size} bytes, SHA-256 {signal.sha256}. Ask its sender what it says."
    return "\n".join(part.decode(errors="replace") for part in signal.contents)


def kept_in_short(signal: Signal) -> KeepUnreadable:
    """Return the command that keeps of a signal only how large it is, and its digest."""
    said = sha256(b"".join(signal.contents)).hexdigest() if signal.contents else signal.sha256
    return unreadable(signal.name, f"{signal.size} bytes, SHA-256 {said}")


def read_update(given: Command | Foreign) -> tuple[Command, bool]:
    """Return the command of an update, and whether whoever sent it has the keys.

    Raises:
        ValueError: somebody without the keys sent something else.
    """
    if isinstance(given, Foreign):
        return Command.model_validate_json(given.content), False
    return given, True


def kept_by_hand(command: Command) -> KeepUnreadable:
    """Return the command that keeps an update which came past the service and is not taken."""
    content = command.model_dump_json().encode()
    as_signal = Signal(name="command", contents=(content,), size=len(content))
    kept = read_signal(as_signal)
    return kept if isinstance(kept, KeepUnreadable) else unreadable(as_signal.name, _text(as_signal))


def unreadable(name: str, text: str) -> KeepUnreadable:
    """Return the command that keeps a text, cut to what is kept, under a name, whatever is in them."""
    kept = text.encode()[:MESSAGE_BYTES].decode(errors="ignore")
    seen = "".join(character for character in name if character.isprintable()).strip()[:200]
    try:
        return KeepUnreadable(name=seen or "unnamed", content=kept)
    except ValueError:
        return KeepUnreadable(name="unnamed", content=kept)


def further_messages(further: Further) -> KeepUnreadable:
    """Return the command that records how many more messages there were than are kept."""
    return unreadable(
        FURTHER,
        f"{further.count} more messages could not be read, or were refused: {further.size} bytes together, "
        f"SHA-256 {further.sha256}. Temporal's history has them.",
    )


@activity.defn
async def append_to_record(batch: Batch) -> Recorded | Foreign:
    """Record a batch once, then leave its notices.

    Raises:
        ApplicationError: of type `DIVERGED`, the record says something else, or the batch does not follow from its
            commands, or claims what nobody signed; of type `OPEN_JOURNEY`, the patient has another open journey with
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
