"""The newest register is in the record: who puts an older one back is refused, also after everything was restarted."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities import seen_registers
from activities.record import Record
from activities.record.stored import SeenRegister
from activities.record.verification.batches import MOVES
from activities.record_activities import RecordActivities
from activities.seen_registers import SeenRegisters
from activities.signatures.register_file import RegisterFile
from activities.signatures.signer_registry import Register, RegisterError
from simulation.people import person_of
from tests.journey.play import JOURNEY, Decision
from tests.record.handed import batch, signed_course
from tests.record.helpers import whole_log
from tests.signatures.room import NOW, ORGANISATION, published, register, revoked
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.aggregate import fold
from workflows.journey.decided import derive
from workflows.journey.receipts import add_receipts, receipts_of
from workflows.journey.vocabulary.actors import Role

OLD, NEW = register(), revoked(NOW)


def process(record: Record, path: Path, whole: Register) -> SeenRegisters:
    """A process that was just started, with this register in its file."""
    path.write_bytes(published(whole))
    return SeenRegisters(record, RegisterFile(path, ORGANISATION.public_key))


async def test_an_older_register_is_refused_after_a_restart(record: Record, tmp_path: Path) -> None:
    path = tmp_path / "register.json"
    assert await process(record, path, OLD).current() == OLD
    assert await process(record, path, NEW).current() == NEW
    for _ in range(2):
        restarted = process(record, path, OLD)
        for _ in range(2):
            with pytest.raises(RegisterError, match="older than one seen"):
                await restarted.current()
        path.write_bytes(published(NEW))
        assert await restarted.current() == NEW


async def test_another_process_that_has_an_older_one_is_refused(
    record: Record, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stale, fresh = process(record, tmp_path / "one", OLD), process(record, tmp_path / "two", NEW)
    assert await stale.current() == OLD
    assert await fresh.current() == NEW
    monkeypatch.setattr(seen_registers, "ASKED_EVERY", -1.0)
    with pytest.raises(RegisterError, match="older than one seen"):
        await stale.current()


@pytest.mark.parametrize(
    "changed",
    [
        lambda: NEW.model_copy(update={"organisation": "Another Clinic"}),
        lambda: NEW.model_copy(update={"entries": NEW.entries[1:]}),
        lambda: NEW.model_copy(update={"staff": NEW.staff[1:]}),
        lambda: OLD.model_copy(update={"version": NEW.version}),
        lambda: NEW.model_copy(update={"clinics": (*NEW.clinics, "another")}),
    ],
)
async def test_another_register_of_the_same_version_is_refused(
    record: Record, tmp_path: Path, changed: Callable[[], Register]
) -> None:
    assert await process(record, tmp_path / "one", NEW).current() == NEW
    with pytest.raises(RegisterError, match="two registers of one version"):
        await process(record, tmp_path / "two", changed()).current()


async def test_a_register_spelled_in_another_way_is_the_same(record: Record, tmp_path: Path) -> None:
    await process(record, tmp_path / "one", NEW).current()
    other = process(record, tmp_path / "two", NEW)
    (tmp_path / "two").write_bytes(published(NEW).replace(b"\n", b"\n "))
    assert await other.current() == NEW


async def test_only_the_newest_counts_whatever_is_noted_later(record: Record) -> None:
    newest = SeenRegister(7, bytes([7]) * 32)
    assert await record.seen_register() is None
    assert await record.see_register(newest) == newest
    for later in (SeenRegister(1, bytes(32)), SeenRegister(7, bytes(32)), SeenRegister(6, bytes([7]) * 32)):
        assert await record.see_register(later) == newest == await record.seen_register()


async def test_nothing_signed_is_recorded_by_an_older_register(record: Record, tmp_path: Path) -> None:
    path = tmp_path / "register.json"
    await process(record, path, NEW).current()
    path.write_bytes(published(OLD))
    recording = RecordActivities(record, RegisterFile(path, ORGANISATION.public_key), demonstrations=True)
    with pytest.raises(ApplicationError) as not_yet:
        await ActivityEnvironment().run(recording.append, batch(signed_course()[:30]))
    assert "older than one seen" in str(not_yet.value.__cause__)
    assert await whole_log(record) == []


@pytest.mark.parametrize("needs", ["a signature", "a proof of what is before"])
@pytest.mark.parametrize("order", ["before", "behind"])
async def test_without_the_register_no_call_for_help_waits_in_a_batch(
    record: Record, tmp_path: Path, needs: str, order: str
) -> None:
    """One before what needs the register is recorded at once. The run decides one behind it again after another try."""
    signs = needs == "a signature"
    every, path = signed_course(), tmp_path / "register.json"
    path.write_bytes(published(OLD))
    place = next(
        place
        for place, (_, events) in enumerate(every)
        if place
        and any(isinstance(event.body, e.SignedOff if signs else MOVES) for event in events)
        and (signs or not any(isinstance(event.body, e.SignedOff) for event in events))
    )
    earlier, moves = every[:place], every[place].decided
    environment = ActivityEnvironment()
    for each in earlier:
        recording = RecordActivities(record, RegisterFile(path, ORGANISATION.public_key), demonstrations=True)
        await environment.run(recording.append, batch([each]))
    journey, receipts = (
        fold([event for each in earlier for event in each.events]),
        receipts_of(event for each in earlier for event in each.events),
    )
    body = c.RequestSupport(urgency="urgent", text="invented: I feel unwell")
    called = c.Command(command_id=uuid4(), actor=person_of(JOURNEY, Role.PATIENT), body=body)
    calls = moves.model_copy(update={"command": called, "own": False, "authentic": True})
    decided = []
    for one in (calls, moves) if order == "before" else (moves, calls):
        decided.append(Decision(one, derive(journey, receipts, one)))
        journey = fold(decided[-1].events, journey)
        add_receipts(receipts, decided[-1].events)
    path.write_bytes(b"")
    fresh = RecordActivities(record, RegisterFile(path, ORGANISATION.public_key), demonstrations=True)
    handed = batch(decided)
    environment.info = replace(environment.info, attempt=1 if order == "before" else 2)
    told = await environment.run(fresh.append, handed)
    recorded = len(decided[0].events) if order == "before" else 0
    assert told.version == handed.expected_version + recorded
