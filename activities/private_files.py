"""Files that only their owner may read, such as keys: nobody else can have put them where they are."""

import os
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

if sys.platform != "win32":
    import fcntl

OTHERS_READ, OTHERS_WRITE, ANYBODY_WRITES = 0o077, 0o022, 0o002


class NotPrivate(Exception):
    """A file is not its owner's alone; ``reason`` says why, ``remedy`` what to do."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(f"{reason}. {remedy}")
        self.reason = reason
        self.remedy = remedy


def read_private(path: Path, limit: int) -> bytes:
    """Return the first bytes of a file that is private to whoever runs this: a plain file of their own, or root's, that
    nobody else can read, in a directory where nobody else can put another.

    Raises:
        NotPrivate: it is not.
        OSError: it cannot be read.
    """
    if os.name != "posix":
        with path.open("rb") as file:
            return file.read(limit)
    _require_closed(path.absolute().parent)
    _require_closed(path.resolve().parent)
    if path.is_symlink():
        raise NotPrivate("it is a link to another file", "Give the place of the file itself")
    # A pipe blocks nobody, and what was opened is looked at: its name may be another file's meanwhile.
    opened = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        found = os.fstat(opened)
        if not stat.S_ISREG(found.st_mode):
            raise NotPrivate("it is no plain file", "Give the place of the file itself")
        if not _is_own(found):
            raise NotPrivate("it belongs to somebody else", "Take one of your own; find out who put this there")
        if found.st_mode & OTHERS_READ:
            raise NotPrivate("others can read it", "Close it to them with chmod 600; consider a new one")
        return os.read(opened, limit)
    finally:
        os.close(opened)


def write_private(path: Path, content: bytes) -> None:
    """Write a new file that only its owner can read, as a whole or not at all. It is on the disk then.

    Raises:
        FileExistsError: there is a file of this name. It stays as it is.
        OSError: it cannot be written.
    """
    opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(opened, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        path.unlink(missing_ok=True)
        raise


def replace_private(path: Path, change: Callable[[], bytes]) -> None:
    """Put what a change makes of it in the place of a file that only its owner can read. One change waits for another.
    It is the old or the new file as a whole, and on the disk, whatever ends the process; what one left that was ended
    here before is taken away.

    Raises:
        OSError: it cannot be written.
    """
    path = path.resolve()
    new = path.with_name(f".{path.name}.new")
    with _alone_in(path.parent):
        content = change()
        new.unlink(missing_ok=True)
        write_private(new, content)
        new.replace(path)


@contextmanager
def _alone_in(directory: Path) -> Iterator[None]:
    """Wait until nobody else is in here, and see that which files there are is on the disk."""
    if sys.platform == "win32":
        yield
        return
    opened = os.open(directory, os.O_RDONLY)
    try:
        with suppress(OSError):  # some network file systems lock no directory
            fcntl.flock(opened, fcntl.LOCK_EX)
        yield
        os.fsync(opened)
    finally:
        os.close(opened)


def _require_closed(directory: Path) -> None:
    """Require that nobody else can put a file into a directory, or another directory in its place."""
    for each in (directory, *directory.parents):
        found = each.stat()
        writes = found.st_mode & (OTHERS_WRITE if each == directory else ANYBODY_WRITES)
        kept_apart = each != directory and found.st_mode & stat.S_ISVTX
        if (writes and not kept_apart) or not _is_own(found) or not _is_own(each.lstat()):
            raise NotPrivate(
                "others can put files where it is", "Keep it in a directory of your own (chmod 700); consider a new one"
            )


def _is_own(found: os.stat_result) -> bool:
    return found.st_uid in (os.geteuid(), 0)
