"""A key is in its file only in encrypted form, and opens for its passphrase alone."""

import json
import stat
from datetime import timedelta
from pathlib import Path

import pytest

from activities.signatures.keys import (
    COST,
    KeyFileError,
    WrongPassphrase,
    components_asked_for,
    generate,
    key_id_of,
    new_seal,
    sign,
    unlock,
)
from activities.signatures.register_changes import enrol
from activities.signatures.verifying import check
from tests.signatures.room import CLIO, NOW, empty, entry, statement

PASSPHRASE = "correct horse battery é"
CHEAP = 10


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "clio.key.json"


def test_a_key_made_and_unlocked_signs_what_the_register_accepts(path: Path) -> None:
    made = generate(path, CLIO.id, PASSPHRASE, cost=CHEAP)
    unlocked = unlock(path, PASSPHRASE)
    assert (unlocked.person, unlocked.key_id, unlocked.public_key) == (CLIO.id, made.key_id, made.public_key)
    decided = statement(seal=new_seal(unlocked.key_id, NOW))
    whole = enrol(empty(), entry(CLIO, made))
    assert check(decided, sign(unlocked, decided), whole, at=NOW, scope=decided.scope) is None


def test_the_file_is_private_and_holds_no_clear_key(path: Path) -> None:
    made = generate(path, CLIO.id, PASSPHRASE, cost=CHEAP)
    raw, private = path.read_bytes(), made.key.private_bytes_raw()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for secret in (private, private.hex().encode(), PASSPHRASE.encode(), private[:8].hex().encode()):
        assert secret not in raw
    assert json.loads(raw)["key_id"] == key_id_of(made.public_key)
    for shown in (repr(made), str(made)):
        assert "Ed25519" not in shown
        assert private.hex() not in shown


@pytest.mark.long
def test_the_usual_cost_is_what_is_recommended_and_works(path: Path) -> None:
    generate(path, CLIO.id, PASSPHRASE)
    kdf = json.loads(path.read_bytes())["kdf"]
    assert (kdf["n"], kdf["r"], kdf["p"]) == (2**17, 8, 1)
    assert COST == 17
    unlock(path, PASSPHRASE)


def test_two_files_of_one_passphrase_have_nothing_in_common(tmp_path: Path) -> None:
    files = []
    for name in ("a", "b"):
        generate(tmp_path / name, CLIO.id, PASSPHRASE, cost=CHEAP)
        files.append(json.loads((tmp_path / name).read_bytes()))
    assert files[0]["kdf"]["salt"] != files[1]["kdf"]["salt"]
    for field in ("nonce", "ciphertext", "public_key", "key_id"):
        assert files[0][field] != files[1][field]


@pytest.mark.parametrize("wrong", ["", PASSPHRASE + " ", PASSPHRASE.upper(), "\ud800" * 12])
def test_a_wrong_passphrase_says_that_and_nothing_else(path: Path, wrong: str) -> None:
    generate(path, CLIO.id, PASSPHRASE, cost=CHEAP)
    with pytest.raises(WrongPassphrase) as raised:
        unlock(path, wrong)
    assert str(raised.value) == "the passphrase is wrong"
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__


def test_one_passphrase_is_the_same_on_every_keyboard(path: Path) -> None:
    generate(path, CLIO.id, PASSPHRASE, cost=CHEAP)
    unlock(path, PASSPHRASE.replace("é", "e\u0301"))


@pytest.mark.parametrize(("field", "value"), [("person", "demo-medical-director"), ("key_id", "0" * 32)])
def test_a_file_opens_under_no_other_name(path: Path, field: str, value: str) -> None:
    generate(path, CLIO.id, PASSPHRASE, cost=CHEAP)
    path.write_text(json.dumps(json.loads(path.read_bytes()) | {field: value}))
    with pytest.raises(WrongPassphrase):
        unlock(path, PASSPHRASE)


def test_a_file_that_others_can_read_is_refused(path: Path) -> None:
    generate(path, CLIO.id, PASSPHRASE, cost=CHEAP)
    path.chmod(0o640)
    with pytest.raises(KeyFileError, match="chmod 600"):
        unlock(path, PASSPHRASE)


@pytest.mark.parametrize("content", [b"", b"{}", b"[" * 100_000, b"\xff", b'{"format": "care-pathway/key/2"}'])
def test_what_is_no_key_file_is_told_so(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(KeyFileError, match="not a key file"):
        unlock(path, PASSPHRASE)


def test_a_file_cannot_ask_for_more_memory_than_there_is(path: Path) -> None:
    generate(path, CLIO.id, PASSPHRASE, cost=CHEAP)
    content = json.loads(path.read_bytes())
    content["kdf"]["n"] = 2**30
    path.write_text(json.dumps(content))
    with pytest.raises(KeyFileError, match="not a key file"):
        unlock(path, PASSPHRASE)


def test_no_key_is_made_badly_or_over_another(path: Path, tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="too short"):
        generate(path, CLIO.id, "short")
    with pytest.raises(KeyFileError, match="no id of a person"):
        generate(path, "Clio Invented, MD", PASSPHRASE, cost=CHEAP)
    with pytest.raises(KeyFileError, match="cannot be written"):
        generate(tmp_path / "none" / "k", CLIO.id, PASSPHRASE, cost=CHEAP)
    with pytest.raises(KeyFileError, match="cannot be read"):
        unlock(path, PASSPHRASE)
    generate(path, CLIO.id, PASSPHRASE, cost=CHEAP)
    before = path.read_bytes()
    with pytest.raises(KeyFileError, match="no key is overwritten"):
        generate(path, CLIO.id, PASSPHRASE, cost=CHEAP)
    assert path.read_bytes() == before


def test_a_session_begins_with_everything_and_always_asks_for_the_passphrase() -> None:
    window = timedelta(minutes=15)
    assert components_asked_for(None, NOW, window) == ("person", "passphrase")
    assert components_asked_for(NOW - window, NOW, window) == ("passphrase",)
    assert components_asked_for(NOW - window - timedelta(seconds=1), NOW, window) == ("person", "passphrase")
    assert components_asked_for(NOW + timedelta(seconds=1), NOW, window) == ("person", "passphrase")


def test_no_nonce_comes_twice() -> None:
    assert len({new_seal("key", NOW).nonce for _ in range(1000)}) == 1000
