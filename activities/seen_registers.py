"""The newest register that was ever used with a log, as the record knows it: who puts an older one back, and restarts
everything, is refused too."""

import time

from activities.record.store import Record
from activities.record.stored import SeenRegister
from activities.signatures.register_file import RegisterFile
from activities.signatures.signer_registry import Register

ASKED_EVERY = 10.0
"""Seconds after which the record is asked again whether another process has seen a newer register."""


class SeenRegisters:
    """Says for a running process whether its register is the newest one."""

    def __init__(self, record: Record, file: RegisterFile) -> None:
        self._record, self._file = record, file
        self._told: tuple[int, bytes] | None = None
        self._asked = 0.0

    async def current(self) -> Register:
        """Return the register as it is now, once the record knows of it.

        Raises:
            RegisterError: it cannot be trusted, or is not the newest one. Nothing is lost: it is asked for again.
            RecordUnavailable, RecordFault: as the record does.
        """
        self._file.current()
        newest = self._file.newest()
        now = time.monotonic()
        if newest != self._told or now - self._asked > ASKED_EVERY:
            self._told = await self._record.see_register(SeenRegister(*newest))
            self._asked = now
            self._file.learn(self._told)
        return self._file.current()
