"""The standard streams as commands write to them."""

import errno
from contextlib import suppress
from typing import Any, TextIO


class OutputLost(Exception):
    """Data cannot be written to standard output any more. ``closed``: whoever read it has seen enough."""

    def __init__(self, error: OSError) -> None:
        self.closed = error.errno == errno.EPIPE
        known = {errno.EPIPE: "whoever reads it has closed it", errno.EBADF: "standard output is closed"}
        self.reason = known.get(error.errno or 0) or error.strerror or "an unknown reason"
        super().__init__(self.reason)


class Out:
    """Standard output, which says when it is lost.

    Raises:
        OutputLost: when written to or flushed.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except OSError as error:
            raise OutputLost(error) from None

    def flush(self) -> None:
        try:
            self._stream.flush()
        except OSError as error:
            raise OutputLost(error) from None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class Err(Out):
    """Standard error. What it does not take is dropped: there is nobody to tell."""

    def write(self, text: str) -> int:
        with suppress(OutputLost):
            super().write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OutputLost):
            super().flush()
