"""Anchors: what is kept outside the database finds what was cut off inside it, and what was written anew."""

import json
from contextlib import nullcontext
from pathlib import Path
from uuid import UUID

import pytest

from activities.record.store import Record
from activities.record.stored import SeenRegister
from activities.record.verification.anchors import AnchorKeyError, check_anchors, make_key, read_key, write_anchor
from activities.record.verification.chains import verify_chains
from application.context import Context
from application.errors import InvalidInput
from application.record.export import anchor_record
from application.settings import load_settings
from tests.record.helpers import Connection, events
from worker import open_anchors

A = UUID(int=0xA)


def file(position: int) -> str:
    return f"{position:012d}-{0:012d}-{0:06d}.json"


class Anchors:
    """Three anchors, after two events each."""

    def __init__(self, directory: Path, record: Record) -> None:
        self.directory, self.record = directory / "anchors", record
        self.public = make_key(directory / "key")
        self.key = read_key(directory / "key")

    async def write(self) -> None:
        await write_anchor(self.record, self.directory, self.key)

    async def found(self) -> tuple[set[tuple[int, str]], int]:
        found, agreed = await check_anchors(self.record, self.directory, self.public)
        return {(finding.position, finding.reason) for finding in found}, agreed[-1].position if agreed else 0


@pytest.fixture
async def anchors(record: Record, tmp_path: Path) -> Anchors:
    kept = Anchors(tmp_path, record)
    for version in (0, 2, 4):
        await record.append(A, version, events(2))
        await kept.write()
    return kept


async def test_a_log_agrees_with_its_anchors(anchors: Anchors) -> None:
    await anchors.write()
    assert sorted(path.name for path in anchors.directory.iterdir()) == [file(n) for n in (2, 4, 6)]
    assert await anchors.found() == (set(), 6)
    await anchors.record.append(A, 6, events(1))
    assert await anchors.found() == (set(), 6)


async def test_an_empty_log_has_no_anchor(record: Record, tmp_path: Path) -> None:
    kept = Anchors(tmp_path, record)
    await kept.write()
    assert not kept.directory.exists()
    assert await kept.found() == (set(), 0)


async def test_a_tail_that_was_cut_off_together_with_its_head_is_found(anchors: Anchors, owner: Connection) -> None:
    await owner.execute(
        "ALTER TABLE record.journey_event DISABLE TRIGGER append_only;"
        "DELETE FROM record.journey_event WHERE position > 3;"
        "UPDATE record.journey SET (version, last_position, journey_hash) = "
        "(SELECT 3, 3, journey_hash FROM record.journey_event WHERE position = 3)"
    )
    assert await verify_chains(owner) == (), "the shorter log is whole in itself"
    assert await anchors.found() == ({(4, "log_cut"), (6, "log_cut")}, 2)
    await anchors.record.append(A, 3, events(5))
    assert await anchors.found() == ({(4, "log_rewritten"), (6, "log_rewritten")}, 2)


@pytest.mark.parametrize(
    "put_back",
    [
        "DELETE FROM record.register WHERE version = 3",
        "UPDATE record.register SET version = 1 WHERE version = 3",
        "UPDATE record.register SET content_hash = sha256('other') WHERE version = 3",
    ],
)
async def test_a_register_that_a_superuser_put_back_to_an_older_one_is_found(
    anchors: Anchors, owner: Connection, put_back: str
) -> None:
    """Who lowers what the record has seen can restart everything with an older register: one revoked acts again."""
    for version in (2, 3):
        await anchors.record.see_register(SeenRegister(version, bytes([version]) * 32))
    await anchors.write()
    assert await anchors.found() == (set(), 6)
    await owner.execute("ALTER TABLE record.register DISABLE TRIGGER append_only")
    await owner.execute(put_back)
    assert (await anchors.found())[0] == {(6, "register_lowered")}


@pytest.mark.parametrize(
    "field", ["log_id", "position", "log_hash", "events", "access", "access_hash", "register_version", "at"]
)
async def test_an_anchor_that_was_changed_is_none(anchors: Anchors, field: str) -> None:
    path = anchors.directory / file(4)
    content = json.loads(path.read_text())
    changed = {"log_hash": "0" * 64, "access_hash": "1" * 64, "at": "2020-01-01T00:00:00Z"}
    content["anchor"][field] = changed.get(field, 3)
    path.write_text(json.dumps(content))
    assert await anchors.found() == ({(4, "anchor_forged")}, 6)


async def test_an_anchor_under_another_name_or_key_or_of_no_shape_is_none(anchors: Anchors, tmp_path: Path) -> None:
    (anchors.directory / file(6)).rename(anchors.directory / file(7))
    (anchors.directory / file(4)).write_text("{}")
    (anchors.directory / "²-0.json").write_text("{}")
    assert await anchors.found() == ({(7, "anchor_forged"), (4, "anchor_unreadable"), (0, "anchor_unreadable")}, 2)
    anchors.public = make_key(tmp_path / "another")
    assert (await anchors.found())[1] == 0


def test_a_key_is_made_once_and_for_its_owner(tmp_path: Path) -> None:
    make_key(tmp_path / "key")
    assert (tmp_path / "key").stat().st_mode & 0o077 == 0
    with pytest.raises(AnchorKeyError, match="Choose another place"):
        make_key(tmp_path / "key")
    (tmp_path / "other").write_text("no key")
    for path in ("other", "none"):
        with pytest.raises(AnchorKeyError):
            read_key(tmp_path / path)


async def test_no_worker_signs_with_a_key_that_nobody_believes(
    record: Record, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, other = (make_key(tmp_path / name) for name in ("own", "other"))
    monkeypatch.setenv("CAREPATH_ANCHORS_DIR", str(tmp_path / "anchors"))
    monkeypatch.setenv("CAREPATH_ANCHOR_KEY_FILE", str(tmp_path / "own"))
    for public, starts in ((None, True), (own, True), (other, False)):
        key = None if public is None else public.hex()
        settings = load_settings(database_url="postgresql://not.needed", anchor_public_key=key)
        with nullcontext() if starts else pytest.raises(AnchorKeyError, match="CAREPATH_ANCHOR_PUBLIC_KEY"):
            assert open_anchors(settings, record) is not None
    with pytest.raises(InvalidInput, match="CAREPATH_ANCHOR_PUBLIC_KEY"):
        await anchor_record(Context(load=lambda: settings))
