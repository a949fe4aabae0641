"""Verification finds each kind of tampering, where it is."""

from uuid import UUID

import pytest

from activities.record import Opening, Record, patient_index
from activities.record.verification.chains import RecordFinding, verify_chains
from tests.record.helpers import NOON, Connection, event, events

A, B = UUID(int=0xA), UUID(int=0xB)


@pytest.fixture
async def log(record: Record) -> None:
    """Positions 1-3 are A's, 4-5 B's, 6-7 A's again."""
    await record.append(A, 0, events(3))
    await record.append(B, 0, events(2))
    await record.append(A, 3, events(2))


async def _tamper(owner: Connection, statement: str) -> None:
    await owner.execute(
        "ALTER TABLE record.journey_event DISABLE TRIGGER append_only;"
        f"{statement};"
        "ALTER TABLE record.journey_event ENABLE ALWAYS TRIGGER append_only"
    )


@pytest.mark.usefixtures("log")
async def test_a_sound_log_has_no_findings(record: Record, owner: Connection, app: Connection) -> None:
    patient = Opening(patient_keys=(b"k",), medicine="invented")
    await patient_index.enrol(record, patient, pathway="ptsd", request_id=A, journey_id=UUID(int=0xC))
    assert await verify_chains(owner) == await verify_chains(app) == ()
    assert await verify_chains(owner, log_id=2) == ()


@pytest.mark.usefixtures("log")
@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        *(
            (f"UPDATE record.journey_event SET {change} WHERE position = 2", {("content", 2, A)})
            for change in (
                "payload = 'x'",
                "event_type = 'x'",
                "schema_version = 9",
                "occurred_at = occurred_at + interval '1 microsecond'",
                "occurred_at = 'infinity'",
                "occurred_at = '0044-03-15 BC'",
                "actor_id = 'x'",
                "actor_role = 'x'",
                "command_id = gen_random_uuid()",
                "causation_id = gen_random_uuid()",
                "event_id = gen_random_uuid()",
            )
        ),
        (
            "UPDATE record.journey_event SET payload = 'x', content_hash = sha256('x') WHERE position = 2",
            {("content", 2, A), ("journey_chain", 2, A)},
        ),
        (
            "UPDATE record.journey_event SET recorded_at = recorded_at - interval '1 day' WHERE position = 4",
            {("clock", 4, B), ("log_chain", 4, B)},
        ),
        (
            "UPDATE record.journey_event SET recorded_at = '-infinity' WHERE position = 4",
            {("clock", 4, B), ("log_chain", 4, B)},
        ),
        (
            "UPDATE record.journey_event SET journey_hash = sha256('x') WHERE position = 2",
            {("journey_chain", 2, A), ("log_chain", 2, A), ("journey_chain", 3, A)},
        ),
        (
            "UPDATE record.journey_event SET log_hash = sha256('x') WHERE position = 4",
            {("log_chain", 4, B), ("log_chain", 5, B)},
        ),
        (
            "DELETE FROM record.journey_event WHERE position = 2",
            {("position", 3, A), ("version", 3, A), ("journey_chain", 3, A), ("log_chain", 3, A)},
        ),
        (
            "DELETE FROM record.journey_event WHERE position = 1",
            {("position", 2, A), ("version", 2, A), ("journey_chain", 2, A), ("log_chain", 2, A)},
        ),
        ("DELETE FROM record.journey_event WHERE position = 7", {("head", 6, A)}),
        (
            f"DELETE FROM record.journey_event WHERE journey_id = '{B}'",
            {("position", 6, A), ("log_chain", 6, A), ("head", 0, B)},
        ),
        (
            "ALTER TABLE record.journey_event DROP CONSTRAINT journey_event_position_check;"
            "UPDATE record.journey_event SET position = 0 WHERE position = 1",
            {("position", 0, A), ("log_chain", 0, A), ("position", 2, A)},
        ),
        ("DELETE FROM record.journey WHERE version = 2", {("head", 5, B)}),
        ("UPDATE record.journey SET version = 3 WHERE version = 2", {("head", 5, B)}),
        ("UPDATE record.journey SET last_position = 4 WHERE version = 2", {("head", 5, B)}),
        ("UPDATE record.journey SET journey_hash = '' WHERE version = 2", {("head", 5, B)}),
    ],
)
async def test_tampering_is_found(owner: Connection, statement: str, expected: set[tuple[str, int, UUID]]) -> None:
    await _tamper(owner, statement)
    assert {(found.reason, found.position, found.journey_id) for found in await verify_chains(owner)} == expected


@pytest.mark.usefixtures("log")
async def test_reordering_is_found(owner: Connection) -> None:
    await _tamper(
        owner,
        "UPDATE record.journey_event SET position = position + 100 WHERE position IN (3, 4);"
        "UPDATE record.journey_event SET position = 4 WHERE position = 103;"
        "UPDATE record.journey_event SET position = 3 WHERE position = 104",
    )
    assert {RecordFinding(3, B, 1, "log_chain"), RecordFinding(4, A, 3, "log_chain")} <= {*await verify_chains(owner)}


@pytest.mark.usefixtures("log")
async def test_an_event_moved_to_another_journey_is_found(owner: Connection) -> None:
    await _tamper(owner, f"UPDATE record.journey_event SET journey_id = '{B}', version = 3 WHERE position = 7")
    kinds = {finding.reason for finding in await verify_chains(owner)}
    assert kinds == {"content", "journey_chain", "head"}


async def test_the_format_stays(record: Record) -> None:
    """Known answers. If this fails the written format has changed: it needs a new name, not new answers."""
    new = event(
        event_id=UUID(int=1),
        event_type="besuch",
        schema_version=3,
        occurred_at=NOON,
        actor_id="ä",
        actor_role="",
        command_id=UUID(int=2),
        causation_id=None,
        payload=b"\x00\xff",
    )
    await record.append(A, 0, [new, new.model_copy(update={"event_id": UUID(int=4), "causation_id": A})])

    first, second = await record.load(A)

    assert first.content_hash.hex() == "c6788ab4df20d75744cc4a43a96872b38a3bec56fd55cb7a41931807d84e7f58"
    assert second.content_hash.hex() == "50989f7ed721aa92457ec5ca6d2e3fd22ccf63ef1b17aec0704b3844860b1163"
    assert second.journey_hash.hex() == "faca687691011051309f41981484760ececb39a96989f368d0a98c190d5cf4b7"
