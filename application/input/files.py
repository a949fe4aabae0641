"""Read files of people and organisations, and replace them as a whole or not at all."""

import os
import secrets
import shutil
from contextlib import suppress
from pathlib import Path

from activities.private_files import write_private
from application.errors import NOTHING_WRITTEN, Conflict, InvalidInput


def content_of(path: Path) -> bytes | None:
    """Return the content of a file; None if there is no file.

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
    """Whether there is no file with this name. One that cannot be looked at counts as existing."""
    try:
        path.lstat()
    except FileNotFoundError:
        return True
    except OSError:  # opening it will say what is wrong
        return False
    return False


def refuse_existing(path: Path, because: str) -> None:
    """Require that there is no file with this name.

    Raises:
        Conflict: there is one.
    """
    if not is_missing(path):
        raise Conflict(
            f"there is a file {path.name} already, and {because}",
            "Choose another place, or move the old file away first",
            state=NOTHING_WRITTEN,
        )


def write_new(file: Path, content: bytes) -> None:
    """Write a new file that only its owner can read.

    Raises:
        InvalidInput: it exists, or cannot be written.
    """
    try:
        write_private(file, content)
    except OSError as error:
        raise InvalidInput(f"the file cannot be written ({error.strerror})", "Choose another place") from None


def replace(path: Path, content: bytes, known: bytes | None, *, state: str = NOTHING_WRITTEN) -> None:
    """Replace a file whose content was ``known`` by a new one, as a whole or not at all.

    Raises:
        Conflict: somebody else has changed it meanwhile. It stays as it is.
        InvalidInput: it cannot be written. It stays as it is.
    """
    path = path.resolve()  # a symbolic link stays one
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
    with suppress(OSError):  # the file is replaced; only a power cut now could undo that
        directory = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
