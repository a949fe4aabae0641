"""The file of the master keys: who may read it, what is in it, and its change under a process that runs."""

import asyncio
import json
from pathlib import Path

import pytest

from activities.privacy.errors import KeyringError, KeysUnavailable
from activities.privacy.master_keys import Keyring, add_master_key, drop_master_key, make_keyring, use_master_key

KEY = bytes(range(32))


async def test_it_unwraps_what_it_wrapped_and_only_for_the_same(keyring: Path) -> None:
    masters = Keyring(keyring)
    master, wrapped = await masters.wrap(KEY, b"about one")
    assert KEY not in wrapped
    assert await masters.unwrap(master, wrapped, b"about one") == KEY
    for spoiled, about in ((wrapped, b"about two"), (wrapped[:-1] + b"\0", b"about one"), (b"", b"about one")):
        with pytest.raises(KeysUnavailable):
            await masters.unwrap(master, spoiled, about)
    with pytest.raises(KeysUnavailable):
        await masters.unwrap("another", wrapped, b"about one")


async def test_a_new_master_key_is_used_by_whoever_has_the_file_open(keyring: Path) -> None:
    masters = Keyring(keyring)
    old, wrapped = await masters.wrap(KEY, b"")
    new = add_master_key(keyring)
    assert await masters.current() == old
    use_master_key(keyring, new)
    assert (await masters.wrap(KEY, b""))[0] == new
    assert await masters.unwrap(old, wrapped, b"") == KEY
    drop_master_key(keyring, old)
    assert await masters.ids() == (new,)


def test_a_file_that_goes_away_for_a_moment_changes_nothing(keyring: Path) -> None:
    masters = Keyring(keyring)
    master, wrapped = asyncio.run(masters.wrap(KEY, b""))
    keyring.rename(keyring.with_suffix(".away"))
    assert asyncio.run(masters.unwrap(master, wrapped, b"")) == KEY
    keyring.write_text("{")
    assert asyncio.run(masters.unwrap(master, wrapped, b"")) == KEY


def test_the_current_key_is_never_dropped_and_no_file_overwritten(keyring: Path) -> None:
    current = json.loads(keyring.read_text())["current"]
    before = keyring.read_bytes()
    for refused in (
        lambda: drop_master_key(keyring, current),
        lambda: drop_master_key(keyring, "unknown"),
        lambda: use_master_key(keyring, "unknown"),
        lambda: make_keyring(keyring),
    ):
        with pytest.raises(KeyringError):
            refused()
    assert keyring.read_bytes() == before


def test_others_can_never_read_it(keyring: Path) -> None:
    add_master_key(keyring)
    assert keyring.stat().st_mode & 0o777 == 0o600
    keyring.chmod(0o640)
    with pytest.raises(KeyringError, match="others can read"):
        Keyring(keyring)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"current": "a", "keys": {}}',
        '{"current": "a", "keys": {"a": "c2hvcnQ="}}',
        '{"current": "b", "keys": {"a": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}}',
        '{"current": "a", "keys": {"a": "!"}}',
    ],
)
def test_what_is_no_keyring_is_refused_without_its_content(keyring: Path, content: str) -> None:
    keyring.write_text(content)
    with pytest.raises(KeyringError, match="not a keyring") as refused:
        Keyring(keyring)
    assert refused.value.__context__ is None


def test_no_representation_shows_a_key(keyring: Path) -> None:
    [key] = json.loads(keyring.read_text())["keys"].values()
    masters = Keyring(keyring)
    assert key not in repr(masters)
    assert key not in repr(vars(masters))
