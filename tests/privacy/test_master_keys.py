"""The file of the master keys: who may read it, what is in it, and its change under a process that runs."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest
from structlog.testing import capture_logs

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


CHANGES_KILLED_AT_LINES = """
import asyncio, os, shutil, signal, sys
from pathlib import Path
from activities import private_files
from activities.privacy import master_keys
ring, spare, every = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
own = {private_files.__file__, master_keys.__file__}

def killed_at(line, change):
    left = [line]
    def trace(frame, event, _):
        if frame.f_code.co_filename not in own:
            return None
        left[0] -= event == "line"
        if left[0] < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return trace
    if not (child := os.fork()):
        sys.settrace(trace)
        change()
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL

def known():
    keyring = master_keys.Keyring(ring)
    return asyncio.run(keyring.ids()), asyncio.run(keyring.current())

_, old = known()
new = master_keys.add_master_key(ring)
changes = (
    lambda: master_keys.add_master_key(ring),
    lambda: master_keys.use_master_key(ring, new),
    lambda: (master_keys.use_master_key(ring, new), master_keys.drop_master_key(ring, old)),
)
shutil.copy(ring, spare)
for change in changes:
    line = 0
    while killed_at(line, change):
        ids, current = known()
        assert new in ids and current in (old, new)
        if change is not changes[2] or old in ids:
            change()  # once more
        shutil.copy(spare, ring)
        line += every
    assert line > 20, line
    shutil.copy(spare, ring)
master_keys.add_master_key(ring)
print(sorted(each.name for each in ring.parent.iterdir()))
"""


@pytest.mark.parametrize("every", [3, pytest.param(1, marks=pytest.mark.soak)])
def test_whoever_is_killed_while_they_change_it_leaves_the_old_or_the_new_one(
    every: int, keyring: Path, tmp_path: Path
) -> None:
    """And no copy of it, in which a key would stand that is dropped."""
    words = [sys.executable, "-c", CHANGES_KILLED_AT_LINES, str(keyring), str(tmp_path / "spare.json"), str(every)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "['keyring.json', 'spare.json']\n"), done.stderr


def test_a_file_that_goes_away_for_a_moment_changes_nothing_and_ops_are_told(keyring: Path) -> None:
    """If it stays away, nothing can be read after the next start."""
    masters, away = Keyring(keyring), keyring.with_suffix(".away")
    master, wrapped = asyncio.run(masters.wrap(KEY, b""))

    def said() -> list[str]:
        with capture_logs() as logged:
            for _ in range(2):
                assert asyncio.run(masters.unwrap(master, wrapped, b"")) == KEY
        return [line["event"] for line in logged]

    assert said() == []
    keyring.rename(away)
    assert said() == ["keyring.unreadable"]
    keyring.write_text("{")
    assert said() == []
    keyring.unlink()
    away.rename(keyring)
    assert said() == ["keyring.readable"]
    keyring.write_text("")
    assert said() == ["keyring.unreadable"]


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
