"""What was proven in this process, so that it is not proven again each time it is shown."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

KEPT: Final = 1000
"""How many proofs are remembered: 32 bytes of each."""


class Proofs:
    """Digests of what was found to hold. One proof is made at a time, so that however many ask, everybody else has the
    rest of the processor."""

    def __init__(self) -> None:
        self._kept: dict[bytes, None] = {}
        self._turn = asyncio.Lock()

    async def holds(self, digest: bytes, prove: Callable[[], Awaitable[bool]]) -> bool:
        """Whether something holds: proven now, or before, when it had the same digest. What does not is not kept."""
        async with self._turn:
            if digest not in self._kept and await prove():
                self._kept[digest] = None
                while len(self._kept) > KEPT:
                    del self._kept[next(iter(self._kept))]
            return digest in self._kept
