"""Files of people and organisations: read, and replaced wholly or not at all."""

import os
import secrets
import shutil
from contextlib import suppress
from pathlib import Path

from application.errors import NOTHING_WRITTEN, Conflict, InvalidInput


def content_of(path: Path) -> bytes | None:
    """What a file holds; None if there is none.

    Raises:
        InvalidInput: it cannot be read.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InvalidInput(
            f"{path.name} cannot be read ({error.strerror})", "Check the file", state=NOTHING_WRITTEN
        ) from None


def is_missing(path: Path) -> bool:
    """Whether there is no file of this name. One that cannot be looked at counts as there."""
    try:
        path.lstat()
    except FileNotFoundError:
        return True
    except OSError:  # whoever opens it says why it cannot be
        return False
    return False


def refuse_existing(path: Path, because: str) -> None:
    """That nothing is in the way of a new file.

    Raises:
        Conflict: there is a file of this name.
    """
    if not is_missing(path):
        raise Conflict(
            f"there is a file {path.name} already, and {because}",
            "Choose another place, or move the old file away first",
            state=NOTHING_WRITTEN,
        )


def write_new(file: Path, content: bytes) -> None:
    """Write a file that is not there yet, for its owner to read.

    Raises:
        InvalidInput: it is there, or cannot be written.
    """
    try:
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as opened:
            opened.write(content)
    except OSError as error:
        raise InvalidInput(f"the file cannot be written ({error.strerror})", "Choose another place") from None


def replace(path: Path, content: bytes, known: bytes | None, *, state: str = NOTHING_WRITTEN) -> None:
    """Put a new file in the place of the one whose content was ``known``, wholly or not at all.

    Raises:
        Conflict: somebody else has changed it meanwhile; it is as it was.
        InvalidInput: it cannot be written; it is as it was.
    """
    path = path.resolve()  # a link stays one
    if content_of(path) != known:
        raise Conflict(
            f"{path.name} was changed by somebody else meanwhile", "Run it again, on what it says now", state=state
        )
    new = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        try:
            with new.open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            if known is not None:
                shutil.copymode(path, new)
            new.replace(path)
        finally:
            new.unlink(missing_ok=True)
    except OSError as error:
        raise InvalidInput(
            f"{path.name} cannot be written ({error.strerror})", "Check the directory, then run it again", state=state
        ) from None
    with suppress(OSError):  # it is in its place; only a power cut now could undo that
        directory = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
