"""The interface by which use cases reach Temporal, without its client: `application.temporal.client` has that."""

from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Literal, NamedTuple, Protocol
from uuid import UUID

from activities.record import Record
from activities.signatures.register_file import RegisterFile
from workflows.journey.commands import Command, KeepUnreadable
from workflows.journey.decided import Batch
from workflows.journey.events import Event, MessageKept
from workflows.journey.receipts import receipts_of
from workflows.signals import Signal

RunState = Literal["running", "paused", "ended", "failed", "completed"]
Squatter = Literal["foreign", "elsewhere", "asleep"]
DEPLOYMENT = "care-pathway"
"""What our deployment of workers is called in Temporal."""
REGISTERED = "search attributes registered"
"""How it is told that search attributes were missing."""


class Run(NamedTuple):
    """The latest run of a journey, as Temporal itself has it: no worker is asked, and none could answer from memory.

    ``mark`` is how far it says to be recorded (`record_mark`), ``health`` and ``shown`` (clinic, pathway and stage) are
    what else it shows in its search attributes. ``build`` is the one it is pinned to. ``stuck``: its tasks fail, or no
    worker answers them. ``unreplayable``: they fail because its history is not what a worker would do, or nobody says
    why, or a worker takes them and answers none. ``long``: its history is near a limit. ``conflict``: the record had
    something else where it wanted to record. ``activity_paused``: it runs, and somebody paused an activity of it. It
    ``began``, or is told to begin, at a time (UTC).

    ``failed``: its start was refused, since nothing else ends a journey by an error.

    ``squatter``: it is not this journey. ``foreign``: of another type, or opened without our keys; ``elsewhere``: on
    another task queue; ``asleep``: told to begin later.
    """

    journey_id: UUID
    run_id: str
    state: RunState
    began: datetime
    mark: str = ""
    health: str | None = None
    shown: tuple[str, str, str] | None = None
    build: str | None = None
    stuck: bool = False
    long: bool = False
    conflict: bool = False
    unreplayable: bool = False
    squatter: Squatter | None = None
    activity_paused: bool = False

    @property
    def ended(self) -> bool:
        """Whether it is over."""
        return self.state in ("ended", "failed", "completed")

    def squats(self, now: datetime) -> bool:
        """Whether it is not this journey at a moment (UTC): what was told to begin later, and has, is."""
        return self.squatter is not None and not (self.squatter == "asleep" and self.began <= now)


class PolledBuilds(NamedTuple):
    """The builds of the workers that poll at this moment and show that they are ours, those to which runs go that are
    pinned to none: the ``current`` one and, where there is one, the ``ramping`` one. Workers without a build have an
    empty name."""

    ours: frozenset[str] = frozenset()
    current: str = ""
    ramping: str | None = None

    @property
    def strangers(self) -> frozenset[str]:
        """The builds to which runs go where no worker of ours has them; none while none of ours polls at all."""
        onward = {self.current} | ({self.ramping} if self.ramping is not None else set())
        return frozenset(onward - self.ours) if self.ours else frozenset()

    def lack(self, build: str | None) -> bool:
        """Whether no worker of ours has the tasks of a run that is pinned to a build, or to none."""
        return bool(self.strangers) if build is None else bool(self.ours) and build not in self.ours


class Taken(NamedTuple):
    """What a run had accepted: the command, or a text that is none, and as which signal it is handed in again. What
    was sent by hand is not authentic, and is not made so by being handed in."""

    read: Command | KeepUnreadable
    signal: Signal


def not_recorded(taken: Iterable[Taken], events: Sequence[Event]) -> list[Taken]:
    """Return what of that is not in the record, of which these are the events of the journey."""
    known = receipts_of(events)
    messages = {event.body.content for event in events if isinstance(event.body, MessageKept)}

    def is_recorded(each: Taken) -> bool:
        return each.read.command_id in known if isinstance(each.read, Command) else each.read.content in messages

    return [each for each in taken if not is_recorded(each)]


class KeptBatch(NamedTuple):
    """A batch that a run handed to the record, and when the record had taken it (UTC), as its history says."""

    at: datetime
    batch: Batch


class UnderWay(NamedTuple):
    """What a run that is over may still be recording: up to which version, since when it is over (UTC, Temporal's
    clock), and how long an append takes at most."""

    version: int
    over: datetime
    longest: timedelta


class Journeys(Protocol):
    """The journeys that Temporal runs. Every method raises `Unavailable` when there is no answer.

    ``now`` is the time (UTC) of whoever asks: of the record, where this machine's clock must not matter.
    """

    async def start(self, command: Command) -> Command | None:
        """Start a journey that is not recorded yet. Repeating it is safe: return the command that had opened it.

        Raises:
            Conflict: something else runs under its workflow id.
        """

    async def submit(self, journey_id: UUID, command: Command) -> int:
        """Send a command; return the version of the journey after it, once it is accepted.

        Raises:
            Refused: the journey refused it.
            NotFound: nothing runs under this id.
        """

    async def hand_in(self, journey_id: UUID, command: Command) -> None:
        """Leave a command that anybody may send with Temporal, as a message: nobody answers it, and it cannot be kept
        out by others, nor lost while no worker is there. With the id of one that was taken it changes nothing."""

    async def reopen(self, recorded: Sequence[Event], command: Command) -> int:
        """Send a command to a journey that has ended. It runs again for as long as it then waits for something."""

    async def find(self, journey_id: UUID, now: datetime) -> Run | None:
        """Return the latest run of a journey; None when Temporal knows none. Its mark is the one that its history has,
        where that is newer than the one it shows."""

    async def end(self, run: Run) -> None:
        """End a run if it is open, to go on from the record. Where it is not the journey's own, whatever runs under the
        id is ended."""

    async def under_way(self, run: Run) -> UnderWay | None:
        """Return what a run that is over may still be recording; None for nothing."""

    async def resume(self, recorded: Sequence[Event], taken: Sequence[Taken] = ()) -> None:
        """Start a journey from its recorded events, unless it runs already, and hand in again what an earlier run had
        ``taken``: with its start, so that nothing comes between."""

    def runs(self) -> AsyncIterator[Run]:
        """List all open runs, by pages, without waking any. The list may lag a moment behind."""

    def all_runs(self, journey_id: UUID | None = None) -> AsyncIterator[Run]:
        """List all runs that Temporal still has, also those that are over: of all journeys, or of one with how each was
        opened."""

    async def kept(self, run: Run) -> tuple[KeptBatch, ...]:
        """Return the batches that the record took of a run, as its history says."""

    async def record_again(self, record: Record, register: RegisterFile, kept: Iterable[KeptBatch]) -> dict[UUID, str]:
        """Record batches again that the record has lost, each proved as always, in the order in which it had taken
        them. Return why a journey could not go on."""

    async def builds(self, now: datetime) -> PolledBuilds:
        """Return the builds that poll at this moment."""

    async def show(self, journey_id: UUID) -> None:
        """Have a run show anew how it stands, and pass what is overdue."""

    async def look(self, journey_id: UUID) -> None:
        """Have a run look at the patient's other journeys again."""

    async def set_back(self, run: Run) -> bool:
        """Set a run back to its last task: it reads the record and goes on from there. What it accepted is decided
        again, so nothing is lost. False: it has done nothing yet."""

    async def taken(self, run: Run) -> tuple[Taken, ...]:
        """Return all that a run had accepted of people, the oldest first, without what it answered with a failure."""

    async def move(self, run: Run, now: datetime) -> bool:
        """Move a run to the current build; False when no worker of that polls, or it is there already."""

    async def unpause(self, run: Run) -> None:
        """Let a paused run go on, or its paused activities."""

    async def keep_up(self, anchors_every: timedelta | None, now: datetime) -> tuple[str, ...]:
        """Register search attributes that are missing, and make the schedule of anchors, or put it right, where they
        are wanted. Return what had to be mended."""
