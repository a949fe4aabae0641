"""What a database superuser can do to the record, one attack each, and where `record verify` finds it."""

from collections.abc import AsyncIterator
from copy import copy

import pytest
import pytest_asyncio

from activities.record.verification.anchors import make_key, read_key
from application.record.verification_report import MEANINGS
from deploy.local.postgres import Database, Postgres
from tests.cli.helpers import call
from tests.cli.on_record import ProofWorld, as_superuser
from tests.signatures.recorded import EARLY, history, rows
from tests.signatures.room import published

VERIFY = ("record", "verify", "--without", "workflows", "--without", "derivation")
"""These events have no commands: what follows from commands is in `verification/test_derivation`."""
END = len(history())
HEAD = (
    "UPDATE record.journey SET (version, last_position, journey_hash) = "
    "(SELECT version, position, journey_hash FROM record.journey_event ORDER BY position DESC LIMIT 1)"
)
"""Puts the head right, so that it agrees with whatever is last now."""
CHAINED = """
DO $$
DECLARE
    e record.journey_event;
    content bytea;
    journey bytea := decode(repeat('00', 32), 'hex');
    log bytea := journey;
BEGIN
    FOR e IN SELECT * FROM record.journey_event ORDER BY position LOOP
        content := sha256(record.field('carepath/event/1'::text) || record.field(e.journey_id)
            || record.field(e.event_id) || record.field(e.event_type) || record.field(e.schema_version::bigint)
            || record.field(e.occurred_at) || record.field(e.actor_id) || record.field(e.actor_role)
            || record.field(e.command_id) || record.field(e.causation_id) || record.field(e.payload));
        journey := sha256(record.field('carepath/journey/1'::text) || record.field(journey)
            || record.field(e.version::bigint) || record.field(content));
        log := sha256(record.field('carepath/log/1'::text) || record.field(log) || record.field(e.log_id::bigint)
            || record.field(e.position) || record.field(e.recorded_at) || record.field(journey));
        UPDATE record.journey_event SET (content_hash, journey_hash, log_hash) = (content, journey, log)
         WHERE position = e.position;
    END LOOP;
END
$$
"""
"""Makes every hash anew, as whoever has read FORMAT.md can."""
ASIDE = "UPDATE record.journey_event SET (position, version) = (position + 1000, version + 1000)"
BACK = "UPDATE record.journey_event SET (position, version) = (position - {0}, version - {0}) WHERE position > 1000"
COPIED = (
    "INSERT INTO record.journey_event SELECT log_id, {0}, journey_id, {0}, gen_random_uuid(), event_type, "
    "schema_version, occurred_at, recorded_at, actor_id, actor_role, command_id, causation_id, payload, content_hash, "
    "journey_hash, log_hash FROM record.journey_event WHERE version IN ({0} - 1, {0} + 999) ORDER BY version LIMIT 1"
)

ATTACKS = {
    "an event edited": (
        "UPDATE record.journey_event SET payload = payload || ' ' WHERE position = 3",
        {(3, "content")},
    ),
    "an event edited, and its own hash": (
        "UPDATE record.journey_event SET payload = 'x', content_hash = sha256('x') WHERE position = 3",
        {(3, "journey_chain")},
    ),
    "an event edited, and every hash made anew": (
        f"UPDATE record.journey_event SET payload = payload || ' ' WHERE position = 3; {CHAINED}; {HEAD}",
        {(END, "log_rewritten")},
    ),
    "an event deleted from the middle": (
        "DELETE FROM record.journey_event WHERE position = 50",
        {(51, "position"), (51, "version"), (51, "journey_chain"), (51, "log_chain")},
    ),
    "an event deleted from the middle, the rest moved up, and every hash made anew": (
        f"DELETE FROM record.journey_event WHERE position = 50; {ASIDE} WHERE position > 50; {BACK.format(1001)}; "
        f"{CHAINED}; {HEAD}",
        {(END, "log_cut")},
    ),
    "the newest event deleted": (
        f"DELETE FROM record.journey_event WHERE position = {END}",
        {(END - 1, "head")},
    ),
    "the newest events deleted, and the head put right": (
        f"DELETE FROM record.journey_event WHERE position > {END - 5}; {HEAD};"
        "UPDATE record.journey SET status = 'open'",
        {(END, "log_cut")},
    ),
    "two events reordered": (
        f"{ASIDE} WHERE position IN (50, 51); "
        "UPDATE record.journey_event SET (position, version) = (51, 51) WHERE position = 1050; "
        "UPDATE record.journey_event SET (position, version) = (50, 50) WHERE position = 1051",
        {(50, "journey_chain"), (50, "log_chain"), (51, "journey_chain"), (51, "log_chain")},
    ),
    "an event inserted into the middle": (
        f"{ASIDE} WHERE position >= 50; {COPIED.format(50)}; {BACK.format(999)}",
        {(50, "content"), (50, "journey_chain"), (50, "log_chain")},
    ),
    "an event added at the end, and the head put right": (
        f"{COPIED.format(END + 1)}; {HEAD}",
        {(END + 1, "content"), (END + 1, "journey_chain"), (END + 1, "log_chain")},
    ),
    "the trigger that forbids changes is dropped": (
        "DROP TRIGGER append_only ON record.notice",
        {(0, "schema_differs")},
    ),
    "a journey's head deleted": ("DELETE FROM record.journey", {(END, "head")}),
    "a journey's head says that it is not over": ("UPDATE record.journey SET status = 'open'", {(END, "head_differs")}),
    "a journey's head names another patient": (
        "UPDATE record.journey SET patient_key = sha256('another')",
        {(END, "head_differs")},
    ),
    "a list shows something else": (
        "UPDATE read_model_1.caseload SET clinician = 'demo-mallory'",
        {(END, "rows_differ")},
    ),
    "a list is missing something": ("DELETE FROM read_model_1.status_history", {(END, "rows_differ")}),
    "a list shows a journey that there is not": (
        "UPDATE read_model_1.status_history SET journey_id = gen_random_uuid() WHERE to_at IS NULL",
        {(END, "rows_differ")},
    ),
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def untouched(postgres: Postgres) -> AsyncIterator[Database]:
    database = await postgres.fresh_database(template=postgres.database)
    yield database
    await postgres.drop_database(database)


@pytest.fixture(scope="module")
def whole(untouched: Database, tmp_path_factory: pytest.TempPathFactory) -> ProofWorld:
    """A world with one journey and an anchor, in which nothing is wrong."""
    directory = tmp_path_factory.mktemp("whole")
    register = directory / "register.json"
    register.write_bytes(published(EARLY))
    world = ProofWorld(untouched, register)
    public_key = make_key(directory / "anchor.key").hex()
    world.set(anchors_dir=directory / "anchors", anchor_public_key=public_key)
    world.kept(rows(history()))
    world.project()
    world.anchored(read_key(directory / "anchor.key"))
    before = call(world, *VERIFY, "--json")
    assert (before.code, before.json["findings"], before.json["read_models"]) == (0, [], END)
    return world


@pytest.fixture
def template(untouched: Database, whole: ProofWorld) -> Database:
    """Each attack is on a copy of it."""
    return untouched


@pytest.mark.parametrize("attack", ATTACKS)
def test_tampering_is_found_where_it_is(attack: str, whole: ProofWorld, migrated: Database) -> None:
    world = copy(whole)
    world.use(migrated)
    statement, expected = ATTACKS[attack]
    as_superuser(migrated, statement)

    answer = call(world, *VERIFY, "--json")
    assert answer.code == 7
    found = {(finding["position"], finding["reason"]) for finding in answer.json["findings"]}
    assert expected <= found
    for _, reason in expected:
        assert min(at for at, why in found if why == reason) == min(at for at, why in expected if why == reason)
    assert all(finding["meaning"] == MEANINGS[finding["reason"]] for finding in answer.json["findings"])
