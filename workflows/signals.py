"""What comes to a run by signal: taken as it is, kept until it is read, and what of it could not be read."""

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from hashlib import sha256

from pydantic import ConfigDict

from workflows.fairness import Rank, drop_taken
from workflows.journey.always.safety.model import FURTHER
from workflows.journey.commands import Command, KeepUnreadable
from workflows.journey.decided import refuse_by_hand
from workflows.journey.vocabulary.base import ImmutableModel, digest
from workflows.journey.vocabulary.calendars import Instant
from workflows.journey.vocabulary.limits import COMMAND_LIMIT
from workflows.journey.vocabulary.refusals import Refusal

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


HANDED_IN = "handed_in"
"""The name of a signal by which the service hands in again what another run had taken: it holds that, as a signal, with
when it was taken, in one payload that nobody can take apart."""


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
    taken_at: Instant | None = None
    """When another run took it in (UTC), if it is handed in again."""
    told: Refusal | None = None
    """The refusal that its sender was told by a run that is over: it is handed in again, and stays refused."""

    @property
    def held(self) -> int:
        """How many bytes wait to be read."""
        return 0 if self.sha256 else self.size


class Unchecked(ImmutableModel):
    """A command that came as a signal, of so many bytes, and waits until its signature, or its sender, is checked. When
    it was taken in first (UTC), if it was accepted before and is decided again."""

    command: Command
    authentic: bool = False
    size: int = 0
    taken_at: Instant | None = None

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
        self.waiting = drop_taken(self.waiting, signals)
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


def take_signal(name: str, contents: tuple[bytes, ...], *, authentic: bool, waiting: Signals) -> Signal:
    """Return a signal to be read, while others wait. One that is too large takes no memory."""
    if authentic and name == HANDED_IN and len(contents) == 1:
        with suppress(ValueError):
            handed = Signal.model_validate_json(contents[0])
            taken = take_signal(handed.name[:200], handed.contents, authentic=True, waiting=waiting)
            return taken.model_copy(update={"taken_at": handed.taken_at})
    size = sum(map(len, contents))
    signal = Signal(name=name, contents=contents, size=size, authentic=authentic)
    if size <= COMMAND_LIMIT:
        read = _read_command(signal)
        if isinstance(read, Command):
            rank = Rank.URGENT if read.body.by_anybody else Rank.READABLE
            signal = signal.model_copy(update={"rank": rank, "sender": read.actor.id if authentic else ""})
        if waiting.has_room(signal):
            return signal
    return shorten_signal(signal)


def shorten_signal(signal: Signal) -> Signal:
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
        kept = keep_unreadable(f"by hand: {read.body.kind}", _text(signal))
        return kept.model_copy(update={"sent_by_hand": not read.body.fact})
    return read


def _read_command(signal: Signal) -> Command | KeepUnreadable:
    if signal.name in ("command", "sign_off") and len(signal.contents) == 1:
        try:
            return Command.model_validate_json(signal.contents[0])
        except ValueError:
            pass
    return keep_unreadable(signal.name, _text(signal))


def _text(signal: Signal) -> str:
    if signal.sha256:
        return f"Too large to be kept: {signal.size} bytes, SHA-256 {signal.sha256}. Ask its sender what it says."
    return "\n".join(part.decode(errors="replace") for part in signal.contents)


def keep_in_short(signal: Signal) -> KeepUnreadable:
    """Return the command that keeps of a signal only how large it is, and its digest."""
    said = sha256(b"".join(signal.contents)).hexdigest() if signal.contents else signal.sha256
    return keep_unreadable(signal.name, f"{signal.size} bytes, SHA-256 {said}")


def keep_by_hand(command: Command) -> KeepUnreadable:
    """Return the command that keeps an update which came past the service and is not taken."""
    content = command.model_dump_json().encode()
    signal = Signal(name="command", contents=(content,), size=len(content))
    kept = read_signal(signal)
    return kept if isinstance(kept, KeepUnreadable) else keep_unreadable(signal.name, _text(signal))


def as_signal(message: KeepUnreadable) -> Signal:
    """Return a signal that is read as this message."""
    content = message.content.encode()
    return Signal(name=message.name, contents=(content,), size=len(content))


def keep_unreadable(name: str, text: str) -> KeepUnreadable:
    """Return the command that keeps a text, cut to what is kept, under a name, whatever is in them."""
    kept = text.encode()[:MESSAGE_BYTES].decode(errors="ignore")
    seen = "".join(character for character in name if character.isprintable()).strip()[:200]
    try:
        return KeepUnreadable(name=seen or "unnamed", content=kept)
    except ValueError:
        return KeepUnreadable(name="unnamed", content=kept)


def keep_further(further: Further) -> KeepUnreadable:
    """Return the command that records how many more messages there were than are kept."""
    return keep_unreadable(
        FURTHER,
        f"{further.count} more messages could not be read, or were refused: {further.size} bytes together, "
        f"SHA-256 {further.sha256}. Temporal's history has them.",
    )
