"""What was proven in this process, so that it is not proven again each time it is shown."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Final
from uuid import UUID

KEPT: Final = 1000
"""How many proofs are remembered: 32 bytes of each."""
AT_ONCE: Final = 2
"""How many proofs take the processor at a time. One that is long leaves the other place to those that are not."""
AT_HAND: Final = 50
"""Of how many journeys is remembered what they rest on. It stays in memory as long."""


class Proofs:
    """Digests of what was found to hold. Each proof is made once, whoever asks for it meanwhile. What takes the
    processor waits for ``turn``, so that however many ask, everybody else has the rest of it; nothing else does."""

    def __init__(self) -> None:
        self._kept: dict[bytes, None] = {}
        self._rest_on: dict[UUID, tuple[object, ...]] = {}
        self._making: dict[bytes, asyncio.Task[bool]] = {}
        self.turn = asyncio.Semaphore(AT_ONCE)

    def rest_on(self, journey_id: UUID, given: tuple[object, ...]) -> bool:
        """Whether all of a journey was last found to hold by just these objects, which do not change: nothing has to be
        read to say so."""
        kept = self._rest_on.get(journey_id, ())
        return len(kept) == len(given) and all(one is other for one, other in zip(kept, given, strict=True))

    def keep(self, journey_id: UUID, given: tuple[object, ...]) -> None:
        """Note by which objects all of a journey was found to hold."""
        self._rest_on.pop(journey_id, None)
        self._rest_on[journey_id] = given
        while len(self._rest_on) > AT_HAND:
            del self._rest_on[next(iter(self._rest_on))]

    async def holds(self, digest: bytes, prove: Callable[[], Coroutine[None, None, bool]]) -> bool:
        """Whether something holds: proven now, or before, when it had the same digest. What does not is not kept."""
        if digest in self._kept:
            return True
        made = self._making.get(digest)
        if made is None:
            made = self._making[digest] = asyncio.create_task(prove())
            made.add_done_callback(lambda _: self._making.pop(digest))
        # Whoever gives up waiting ends no proof: others may wait for it.
        await asyncio.wait([made])
        if made.result():
            self._kept[digest] = None
            while len(self._kept) > KEPT:
                del self._kept[next(iter(self._kept))]
        return made.result()
