"""Journeys that are being held together. It goes on whoever looks, and whoever sent it may look at any time."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Final
from uuid import UUID

import structlog

from application.errors import UNKNOWN_STATE, Unavailable, UseCaseError, translate
from application.work.hold_together import HeldTogether
from application.work.references import ListedPatient

KEPT: Final = 100
"""How many are remembered. What was held is in the record for good (`prepare_releases`)."""

STOPPED: Final = Unavailable("the server was stopped", "Send it again", state=UNKNOWN_STATE)
log = structlog.get_logger("console")


class Holding:
    """One request to hold journeys: by whom, which, what their form said, and what became of each so far.
    ``known`` are the references of their patients, by journey."""

    def __init__(
        self,
        by: str,
        concerned: Iterable[UUID],
        given: Mapping[str, str],
        known: Mapping[UUID, ListedPatient] = MappingProxyType({}),
    ) -> None:
        self.by = by
        self.known = known
        self.concerned = frozenset(concerned)
        self.given = given
        self.found: list[HeldTogether] = []
        self.problem: UseCaseError | None = None
        self.over = False
        self._more = asyncio.Event()

    def add(self, held: HeldTogether) -> None:
        """Note what became of one of the journeys."""
        self.found.append(held)
        self._tell()

    def end(self, problem: UseCaseError | None = None) -> None:
        """Note that nothing more comes; a ``problem`` is why it ended early."""
        self.problem, self.over = problem, True
        self._tell()

    @property
    def of(self) -> int:
        """How many journeys are concerned, also by having begun since."""
        return max(len(self.concerned), len(self.found))

    def covers(self, other: "Holding") -> bool:
        """Whether all that the other one holds is held by this one, for the same person."""
        return self.by == other.by and other.concerned <= self.concerned and not self.to_repeat

    @property
    def to_repeat(self) -> bool:
        """Whether it is over and was not done, or not seen to be done, for all of them."""
        unsure = any(each.outcome in ("failed", "accepted") for each in self.found)
        return self.over and (unsure or self.problem is not None or len(self.found) < self.of)

    async def results(self) -> AsyncIterator[HeldTogether]:
        """Yield what became of each journey, as soon as it is known, until it is over."""
        told = 0
        while True:
            more = self._more
            for each in self.found[told:]:
                told += 1
                yield each
            if self.over and told == len(self.found):
                return
            if told == len(self.found):
                await more.wait()

    def _tell(self) -> None:
        self._more.set()
        self._more = asyncio.Event()


class Holdings:
    """What is being held, and what was lately, by request. The same request sent again begins nothing while it is under
    way, and nothing once it is done: unless it concerns more journeys by then."""

    def __init__(self) -> None:
        self._known: dict[UUID, Holding] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def find(self, request: UUID, by: str) -> Holding | None:
        """Return what became of a request of this person; None where it is theirs not, or not known here any more."""
        found = self._known.get(request)
        return found if found is not None and found.by == by else None

    def begin(self, request: UUID, holding: Holding, hold: Callable[[Holding], Awaitable[None]]) -> None:
        """Begin to hold journeys, unless that is under way or done for all of them."""
        known = self._known.get(request)
        if known is not None and known.covers(holding):
            return
        self._known.pop(request, None)
        self._known[request] = holding
        while len(self._known) > KEPT:
            del self._known[next(iter(self._known))]
        task = asyncio.create_task(_run(holding, hold))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        """Stop all that is under way, because the server stops. What was held is held; the same request goes on."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def _run(holding: Holding, hold: Callable[[Holding], Awaitable[None]]) -> None:
    try:
        await hold(holding)
    except Exception as raised:
        problem = translate(raised)
        log.exception("holding.failed", kind=type(problem).__name__)
        holding.end(problem)
    except asyncio.CancelledError:
        holding.end(STOPPED)
        raise
    else:
        holding.end()
