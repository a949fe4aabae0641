"""A key is used only from a file that nobody else can read, and that nobody else can have put there."""

import os
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from activities.privacy.errors import KeyringError
from activities.privacy.master_keys import Keyring, make_keyring, use_master_key
from activities.private_files import NotPrivate, read_private
from activities.record.verification.anchors import AnchorKeyError, make_key, read_key
from activities.signatures.keys import KeyFileError, generate, unlock
from application.errors import InvalidInput
from application.input.files import write_new

PASSPHRASE = "invented and long enough"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    own = tmp_path / "own"
    own.mkdir(mode=0o700)
    return own


def linked(key: Path) -> Path:
    elsewhere = key.rename(key.with_name(f"{key.name}-elsewhere"))
    key.symlink_to(elsewhere)
    return key


def linked_within_an_open_directory(key: Path) -> Path:
    linked(key)
    key.parent.chmod(0o777)
    return key


def read_by_the_group(key: Path) -> Path:
    key.chmod(0o640)
    return key


def read_by_all(key: Path) -> Path:
    key.chmod(0o604)
    return key


def written_by_all(key: Path) -> Path:
    key.chmod(0o602)
    return key


def in_a_directory_of_the_group(key: Path) -> Path:
    key.parent.chmod(0o770)
    return key


def in_a_directory_of_all(key: Path) -> Path:
    key.parent.chmod(0o777)
    return key


def in_a_directory_like_tmp(key: Path) -> Path:
    key.parent.chmod(0o1777)
    return key


def below_a_directory_of_all(key: Path) -> Path:
    key.parent.parent.chmod(0o777)
    return key


def reached_by_a_relative_path(key: Path) -> Path:
    key.parent.chmod(0o777)
    return Path(os.path.relpath(key))


def through_a_linked_directory(key: Path) -> Path:
    key.parent.parent.joinpath("link").symlink_to(key.parent)
    key.parent.parent.chmod(0o777)
    return key.parent.parent / "link" / key.name


def a_directory(key: Path) -> Path:
    key.unlink()
    key.mkdir()
    return key


def a_pipe(key: Path) -> Path:
    key.unlink()
    os.mkfifo(key, 0o600)
    return key


def somebody_elses(key: Path) -> Path:
    if os.geteuid() == 0:
        os.chown(key, 12345, 12345)
    else:
        read_by_all(key)
    return key


WAYS = (
    linked,
    linked_within_an_open_directory,
    read_by_the_group,
    read_by_all,
    written_by_all,
    in_a_directory_of_the_group,
    in_a_directory_of_all,
    in_a_directory_like_tmp,
    below_a_directory_of_all,
    reached_by_a_relative_path,
    through_a_linked_directory,
    a_directory,
    a_pipe,
    somebody_elses,
)


@pytest.mark.parametrize("way", WAYS)
def test_what_others_could_read_or_put_there_is_refused(home: Path, way: Callable[[Path], Path]) -> None:
    path = home / "secret"
    path.touch(0o600)
    path.write_bytes(b"kept")
    assert read_private(path, 10) == b"kept"
    given = way(path)
    with pytest.raises(NotPrivate) as told:
        read_private(given, 10)
    assert str(home) not in str(told.value)


@pytest.mark.parametrize("way", [linked, in_a_directory_of_all, read_by_the_group])
def test_every_key_is_read_so(home: Path, way: Callable[[Path], Path]) -> None:
    own, keyring, anchor = home / "own.key", home / "keyring.json", home / "anchor.key"
    generate(own, "clio", PASSPHRASE, cost=10)
    master = make_keyring(keyring)
    make_key(anchor)
    unlock(own, PASSPHRASE)
    Keyring(keyring)
    read_key(anchor)
    for key in (own, keyring, anchor):
        way(key)
    with pytest.raises(KeyFileError):
        unlock(own, PASSPHRASE)
    with pytest.raises(KeyringError):
        Keyring(keyring)
    with pytest.raises(KeyringError):
        use_master_key(keyring, master)
    with pytest.raises(AnchorKeyError):
        read_key(anchor)


def test_a_sticky_directory_above_is_no_danger(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    own = shared / "own"
    own.mkdir(mode=0o700)
    (own / "secret").touch(0o600)
    assert read_private(own / "secret", 10) == b""


@contextmanager
def disk_for(size: int) -> Iterator[None]:
    """No file grows larger than so many bytes within."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


WRITERS: tuple[tuple[Callable[[Path], object], type[Exception]], ...] = (
    (lambda path: generate(path, "clio", PASSPHRASE, cost=10), KeyFileError),
    (make_keyring, KeyringError),
    (make_key, AnchorKeyError),
    (lambda path: write_new(path, b"a session"), InvalidInput),
)


@pytest.mark.parametrize(("write", "error"), WRITERS)
def test_what_is_private_is_written_for_its_owner_as_a_whole_and_once(
    home: Path, write: Callable[[Path], object], error: type[Exception]
) -> None:
    path = home / "secret"
    with disk_for(4), pytest.raises(error):
        write(path)
    assert not path.exists(), "a file that is not whole is in the way of the next attempt"
    write(path)
    assert path.stat().st_mode & 0o777 == 0o600
    content = path.read_bytes()
    with pytest.raises(error):
        write(path)
    assert path.read_bytes() == content
