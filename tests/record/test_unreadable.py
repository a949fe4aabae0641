"""A journey that cannot be read, folded or shown stops nothing of the others, and is listed with what to do."""

from collections.abc import Awaitable, Mapping, Sequence
from uuid import UUID, uuid4

import pytest

from activities.record import Record, UnreadableEvent
from activities.record.event_codec import load_journey
from activities.record.read_models import CaseloadFilter, caseload, rebuild, retry, stale
from activities.record.recorded_journeys import RecordedJourneys
from activities.record.snapshots import load_current, load_folded
from activities.record.verification.record import verify_record
from activities.standing import read_standing
from tests.record.helpers import Connection
from tests.record.read_models.courses import catch_up, course_of, put, put_copies, put_course, renamed
from workflows.journey.decided import Batch


def _payload(body: str) -> str:
    return f"""payload = '{{"body":{{{body}}},"illustrative":true,"command_digest":""}}'"""


PLANTED: Mapping[str, str] = {
    "a kind of a later build": _payload('"kind":"care.transformed"'),
    "a body of another shape": _payload('"kind":"hold.placed"'),
    "no JSON": "payload = '\\xff00'",
    "nothing": "payload = ''",
    "a number": "payload = '7'",
    "deep": "payload = convert_to(repeat('[', 100000), 'UTF8')",
    "ten megabytes": "payload = convert_to(repeat(' ', 10000000), 'UTF8')",
    "a beginning": "payload = (SELECT payload FROM record.journey_event e WHERE e.version = 1 LIMIT 1)",
    "a hold released that there is not": _payload('"kind":"hold.released","hold":"none","sign_off":"none"'),
    "a correction confirmed that there is not":
        _payload('"kind":"fact.correction-confirmed","correction":99,"reason":"none"'),
    "an escalation of nothing": 'payload = \'{"body":{"kind":"obligation.escalated"}}\'',
    "nobody's role": "actor_role = 'emperor'",
    "nobody's id": "actor_id = ''",
    "before all calendars": "occurred_at = '4000-01-01 BC'",
    "after all calendars": "occurred_at = '290000-01-01'",
    "never": "occurred_at = 'infinity'",
    "recorded never": "recorded_at = '-infinity'",
}  # fmt: skip


@pytest.fixture
async def superuser(admin: Connection) -> Connection:
    await admin.execute("ALTER TABLE record.journey_event DISABLE TRIGGER append_only")
    return admin


async def plant(superuser: Connection, journey: UUID, version: int, what: str) -> None:
    await superuser.execute(
        f"UPDATE record.journey_event SET {what} WHERE journey_id = $1 AND version = $2",
        journey,
        version,
    )


async def whole_fold(record: Record, journey: UUID) -> None:
    folded = await load_folded(record, journey)
    assert folded is not None
    folded.require_whole()


async def how_loaded(record: Record, journey: UUID) -> frozenset[str]:
    """What is said wherever a journey is loaded. Nothing else may be raised: whoever loads one sees to that alone."""
    batch = Batch.model_construct(journey_id=journey, expected_version=12, commands=())
    loads: Sequence[Awaitable[object]] = (
        load_journey(record, journey),
        whole_fold(record, journey),
        load_current(record, journey, RecordedJourneys()),
        read_standing(record, batch),
    )
    said = set[str]()
    for load in loads:
        try:
            await load
            said.add("read")
        except UnreadableEvent:
            said.add("unreadable")
    return frozenset(said)


@pytest.mark.parametrize("version", [1, 9])
async def test_they_stop_no_other_journey(record: Record, superuser: Connection, version: int) -> None:
    others = [await put_course(record, 30)]
    bad = {}
    for what, row in PLANTED.items():
        bad[await put_course(record, 12)] = what
        await plant(superuser, [*bad][-1], version, row)
    others += [await put_course(record, 30)]

    told = {await how_loaded(record, journey): what for journey, what in bad.items()}
    assert told.keys() <= {frozenset({"read"}), frozenset({"unreadable"})}, told
    await catch_up(record, limit=50)
    await put(record, renamed(course_of()[30:33], others[0]))
    await catch_up(record)
    for look in ("live", "rebuilt", "tried again"):
        stuck = {row.journey_id for row in (await stale(record)).rows}
        cases = {case.journey_id: case for case in (await caseload(record, CaseloadFilter())).rows}
        assert all(cases[other].version >= 30 and cases[other].stale is None for other in others), look
        # Whatever can be applied is applied, and what cannot is said.
        assert {bad[each] for each in bad if each not in stuck and cases[each].version != 12} == set()
        assert stuck <= bad.keys()
        assert len(stuck) > 10
        found = (await verify_record(record, read_models=True)).findings
        # A changed time is found where the log goes on from it, too, which is in another journey.
        named = {finding.journey_id for finding in found if finding.reason not in ("clock", "log_chain")}
        assert named <= {*bad}
        # At version 1 a beginning is what was there.
        assert {bad[each] for each in bad if each not in named} <= ({"a beginning", "recorded never"})
        if look == "live":
            await rebuild(record)
        elif look == "rebuilt":
            for journey in bad:
                await retry(record, journey)


async def test_an_enormous_journey_is_read_in_parts_and_alone(record: Record, owner: Connection) -> None:
    few = [await put_course(record, 20) for _ in range(3)]
    enormous = uuid4()
    await put(record, renamed(course_of()[:20], enormous))
    # The same escalation again and again: behind the record's back, so its hashes are wrong.
    await owner.execute(
        "INSERT INTO record.journey_event SELECT log_id, 80 + n, journey_id, 20 + n, gen_random_uuid(), event_type, "
        "schema_version, occurred_at, recorded_at, actor_id, actor_role, command_id, causation_id, payload, "
        "content_hash, journey_hash, log_hash FROM record.journey_event, generate_series(1, 3300) AS n "
        "WHERE journey_id = $1 AND version = 20",
        enormous,
    )
    await owner.execute(
        "UPDATE record.journey SET version = 3320, last_position = 3380 WHERE journey_id = $1", enormous
    )
    few.append(await put_course(record, 20))
    await rebuild(record)
    await put_copies(owner, few[-1], 2)
    await catch_up(record)

    assert (await stale(record)).rows == ()
    cases = {case.journey_id: case.version for case in (await caseload(record, CaseloadFilter())).rows}
    assert cases[enormous] == 3320
    assert all(cases[each] == 20 for each in few)
    assert [f for f in (await verify_record(record, read_models=True)).findings if f.reason == "rows_differ"] == []
