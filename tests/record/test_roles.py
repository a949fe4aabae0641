"""What each role may, in one list: everything else is refused."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TypeAlias
from uuid import UUID, uuid4, uuid5

import asyncpg
import pytest

from activities.record import Opening, Record, RecordFault, migrate, patient_index
from activities.record.access_log import record_access
from activities.record.blobs import keep_blob
from activities.record.locks import alone
from activities.record.read_models import CaseloadFilter, caseload
from activities.record.read_models.claims import claim, release
from activities.record.read_models.projector import StateCache, advance
from activities.record.read_models.rebuild import rebuild
from activities.record.snapshots import load_snapshot
from application.errors import translate
from deploy.local.postgres import Database, Postgres
from tests.fixtures.clear import open_clear, patient_key
from tests.record.helpers import Connection, a_notice, an_access, event, events
from tests.record.read_models.courses import put_course
from tests.sources import ROOT

RECORDER, PROJECTOR, READER, CONSOLE, WATCHDOG = ROLES = (
    "carepath_recorder",
    "carepath_projector",
    "carepath_reader",
    "carepath_console",
    "carepath_watchdog",
)

READS: Mapping[str, tuple[str, ...]] = {
    "record.access_log": (RECORDER, READER, CONSOLE),
    "record.contact": (RECORDER, READER, CONSOLE),
    "record.delivery": (RECORDER, READER, CONSOLE, WATCHDOG),
    "record.access_seal": (RECORDER, READER, CONSOLE),
    "record.blob": (RECORDER, READER, CONSOLE),
    "record.command": (RECORDER, READER, CONSOLE),
    "record.enrolment": (RECORDER, READER, CONSOLE),
    "record.identity": ROLES,
    "record.journey": ROLES,
    "record.journey_event": ROLES,
    "record.link": (),
    "record.lock": (),
    "record.log": (RECORDER, READER, CONSOLE),
    "record.notice": (RECORDER, READER, CONSOLE, WATCHDOG),
    "record.queued_notice": (RECORDER, READER, CONSOLE, WATCHDOG),
    "record.patient": (RECORDER, READER, CONSOLE),
    "record.reconciliation": (RECORDER, READER, CONSOLE, WATCHDOG),
    "record.register": (RECORDER, READER, CONSOLE),
    "record.schema_file": (RECORDER, READER, CONSOLE, WATCHDOG),
    "record.snapshot": (RECORDER,),
    "record.verification": (RECORDER, CONSOLE),
    "read_model.claim": (READER, CONSOLE),
    "read_model.generation": ROLES,
    "read_model.audience": (RECORDER, READER, CONSOLE),
    "read_model.caseload": (RECORDER, READER, CONSOLE, WATCHDOG),
    "read_model.obligation": (RECORDER, READER, CONSOLE, WATCHDOG),
    "read_model.poisoned": (RECORDER, READER, CONSOLE),
    "read_model.snapshot": (),
    "read_model.status_history": (RECORDER, READER, CONSOLE),
    "read_model_1.audience": (PROJECTOR, READER, CONSOLE),
    "read_model_1.caseload": (PROJECTOR, READER, CONSOLE),
    "read_model_1.obligation": (PROJECTOR, READER, CONSOLE),
    "read_model_1.poisoned": (PROJECTOR, READER, CONSOLE),
    "read_model_1.snapshot": (PROJECTOR,),
    "read_model_1.status_history": (PROJECTOR, READER, CONSOLE),
    **{
        f"read_model_shape.{name}": ()
        for name in ("audience", "caseload", "obligation", "poisoned", "snapshot", "status_history")
    },
}
WRITES: Mapping[str, tuple[str, ...]] = {
    name: (PROJECTOR,) if name.startswith("read_model_1.") else () for name in READS
}
CALLS: Mapping[str, tuple[str, ...]] = {
    "record.acknowledge_notice": (CONSOLE,),
    "record.append": (RECORDER,),
    "record.ask_code": (READER, CONSOLE),
    "record.ask_link_code": (CONSOLE,),
    "record.claim_notice": (READER, CONSOLE),
    "record.deliver_notices": (RECORDER,),
    "record.drop_blobs": (RECORDER,),
    "record.end_notice": (RECORDER,),
    "record.enrol": (RECORDER, READER, CONSOLE),
    "record.escalate_notices": (RECORDER,),
    "record.find_link": (CONSOLE,),
    "record.handle_notice": (READER, CONSOLE),
    "record.keep_blob": (RECORDER, READER, CONSOLE),
    "record.keep_contact": (READER, CONSOLE),
    "record.keep_deliveries": (RECORDER,),
    "record.keep_identity": (RECORDER,),
    "record.keep_link": (RECORDER,),
    "record.keep_link_code": (RECORDER,),
    "record.keep_reconciliation": (RECORDER,),
    "record.keep_snapshot": (RECORDER,),
    "record.keep_verification": (RECORDER, READER),
    "record.put_off_notice": (RECORDER,),
    "record.part_again": (RECORDER,),
    "record.reconcile_alone": (RECORDER,),
    "record.report_bounce": (READER, CONSOLE),
    "record.requeue_notice": (RECORDER, READER, CONSOLE),
    "record.record_access": (RECORDER, READER, CONSOLE),
    "record.seal_access": (RECORDER,),
    "record.release_notice": (READER, CONSOLE),
    "record.renew_link": (CONSOLE,),
    "record.see_register": (RECORDER,),
    "record.send_link": (READER, CONSOLE),
    "record.take_notices": (RECORDER,),
    "record.try_link": (CONSOLE,),
    "record.use_link": (CONSOLE,),
    "read_model.begin_generation": (PROJECTOR,),
    "read_model.claim_obligation": (READER, CONSOLE),
    "read_model.drop_generation": (PROJECTOR,),
    "read_model.end_claims": (PROJECTOR,),
    "read_model.filled": (PROJECTOR,),
    "read_model.hold_live": (PROJECTOR,),
    "read_model.move_checkpoint": (PROJECTOR,),
    "read_model.publish": (PROJECTOR,),
    "read_model.rebuild_alone": (PROJECTOR,),
    "read_model.release_claim": (READER, CONSOLE),
}
"""Which role calls what; what is not named here is called by other functions only."""

Statements: TypeAlias = tuple[tuple[str, tuple[object, ...]], ...]
OURS = "(nspname = 'record' OR nspname LIKE 'read\\_model%')"


def as_role(database: Database, role: str) -> str:
    return f"postgresql://{role}@127.0.0.1:{database.port}/{database.name}?sslmode=disable"


@pytest.fixture(params=ROLES)
async def role(request: pytest.FixtureRequest, database: Database) -> AsyncIterator[tuple[str, Connection]]:
    """One of the roles, connected to a database that was made as every other is."""
    await migrate(database.owner_url, demonstration=True)
    connection = await asyncpg.connect(as_role(database, request.param))
    yield request.param, connection
    await connection.close()


async def test_a_role_may_what_is_listed_and_nothing_else(role: tuple[str, Connection], database: Database) -> None:
    name, connection = role
    tables = await connection.fetch(
        f"SELECT nspname || '.' || relname AS name, oid FROM (SELECT c.oid, n.nspname, c.relname FROM pg_class c "
        f"JOIN pg_namespace n ON n.oid = c.relnamespace WHERE {OURS} AND c.relkind IN ('r', 'v', 'S', 'm', 'p')) AS t"
    )
    assert {table["name"] for table in tables if not table["name"].endswith("_seq")} == {*READS}
    for table in tables:
        may_read = name in READS.get(table["name"], ())
        may_write = name in WRITES.get(table["name"], ())
        for privilege in ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER"):
            expected = may_read if privilege == "SELECT" else may_write and privilege in ("INSERT", "UPDATE", "DELETE")
            granted = await connection.fetchval("SELECT has_table_privilege($1::oid, $2)", table["oid"], privilege)
            assert granted == expected, (table["name"], privilege)
    functions = await connection.fetch(
        "SELECT n.nspname || '.' || p.proname AS name, has_function_privilege(p.oid, 'EXECUTE') AS callable, "
        "has_function_privilege('public', p.oid, 'EXECUTE') AS public, p.prosecdef AS definer, "
        "coalesce(array_to_string(p.proconfig, ';'), '') ~ '^search_path=pg_catalog.*, pg_temp' AS fixed, "
        "p.prolang = (SELECT oid FROM pg_language WHERE lanname = 'sql') AS inlined "
        f"FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE {OURS}"
    )
    assert {function["name"] for function in functions} >= {*CALLS}
    for function in functions:
        assert function["callable"] == (name in CALLS.get(function["name"], ())), function["name"]
        assert not function["public"], function["name"]
        assert function["definer"] == (function["name"] in CALLS), function["name"]
        assert function["fixed"] or function["name"] == "record.field", function["name"]
    for schema in ("record", "read_model", "read_model_1", "read_model_shape", "public"):
        assert not await connection.fetchval("SELECT has_schema_privilege($1, 'CREATE')", schema), schema
    rights = await connection.fetchrow("SELECT rolsuper, rolcreaterole, rolcreatedb, rolbypassrls, rolreplication "
                                       "FROM pg_roles WHERE rolname = $1", name)  # fmt: skip
    assert rights is not None
    assert not any(rights.values())
    assert await connection.fetchval("SELECT count(*) FROM pg_auth_members WHERE member = current_role::regrole") == 0
    for privilege in ("CREATE", "TEMPORARY"):
        assert not await connection.fetchval("SELECT has_database_privilege(current_database(), $1)", privilege)


ATTEMPTS = (
    *(
        f"{change} {table}{rest}"
        for table in (
            "record.journey_event",
            "record.access_log",
            "record.notice",
            "record.log",
            "record.journey",
            "record.queued_notice",
            "record.delivery",
            "record.contact",
            "record.link",
        )
        for change, rest in (("INSERT INTO", " DEFAULT VALUES"), ("DELETE FROM", ""), ("TRUNCATE", ""))
    ),
    "UPDATE record.journey_event SET payload = ''",
    "UPDATE record.access_log SET reader_id = 'somebody-else'",
    "UPDATE read_model.generation SET position = 0",
    "INSERT INTO read_model.claim VALUES (gen_random_uuid(), 1, 'x', 'x')",
    "ALTER TABLE record.journey_event DISABLE TRIGGER append_only",
    "ALTER TABLE record.journey_event DISABLE TRIGGER ALL",
    "SET session_replication_role = replica",
    "SET ROLE carepath_owner",
    "SET SESSION AUTHORIZATION postgres",
    "CREATE FUNCTION record.sha256(bytea) RETURNS bytea LANGUAGE sql AS $$ SELECT $1 $$",
    "CREATE FUNCTION public.sha256(bytea) RETURNS bytea LANGUAGE sql AS $$ SELECT $1 $$",
    "CREATE OPERATOR record.|| (FUNCTION = byteacat, LEFTARG = bytea, RIGHTARG = bytea)",
    "CREATE OR REPLACE FUNCTION record.require_own(text) RETURNS void LANGUAGE sql AS 'SELECT'",
    "CREATE TEMPORARY TABLE journey_event (log_id smallint)",
    "CREATE SCHEMA evil",
    "CREATE RULE gone AS ON INSERT TO record.journey_event DO INSTEAD NOTHING",
    "CREATE TRIGGER last BEFORE INSERT ON record.journey_event EXECUTE FUNCTION record.hint()",
    "ALTER FUNCTION record.append SET search_path = evil",
    "ALTER ROLE carepath_recorder SUPERUSER",
    "GRANT carepath_recorder TO CURRENT_USER",
    "COPY record.journey_event TO PROGRAM 'true'",
    "SELECT pg_read_file('PG_VERSION')",
    "SELECT record.lock_row(1::smallint, 'append')",
    "SELECT record.try_row(1::smallint, 'append')",
    "SELECT FROM record.lock FOR UPDATE",
    "SELECT FROM record.journey FOR UPDATE",
    "SELECT FROM record.journey_event FOR KEY SHARE",
    "SELECT FROM record.access_log FOR SHARE",
    "SELECT FROM read_model.generation FOR UPDATE",
    "SELECT FROM read_model.claim FOR UPDATE",
    "SELECT pg_advisory_lock(n) FROM generate_series(1, 9) AS n",
    "SELECT pg_try_advisory_xact_lock_shared(1, 1)",
    "SELECT lo_from_bytea(0, 'x')",
    "SELECT lo_create(0)",
    "SELECT lowrite(0, 'x')",
    "SELECT pg_logical_emit_message(false, 'x', repeat('x', 9))",
    "CREATE TEMP TABLE mine (a int)",
    "SET session_replication_role = replica",
    "ALTER ROLE carepath_owner SET statement_timeout = 1",
    "SELECT pg_stat_reset()",
    *(
        f"LOCK TABLE {table} IN {mode} MODE"
        for table in ("record.journey_event", "record.journey", "record.access_log", "record.lock")
        for mode in ("ROW EXCLUSIVE", "SHARE", "ACCESS EXCLUSIVE")
    ),
)


async def test_no_role_gets_around_the_functions(role: tuple[str, Connection]) -> None:
    _, connection = role
    done = []
    for attempt in ATTEMPTS:
        with suppress(asyncpg.InsufficientPrivilegeError, asyncpg.InvalidGrantOperationError):
            async with connection.transaction():
                await connection.execute(attempt)
                done.append(attempt)
    assert done == []


async def test_only_those_who_are_named_may_connect(database: Database, postgres: Postgres) -> None:
    await migrate(database.owner_url, demonstration=True)
    stranger = f"invented_{uuid4().hex[:8]}"
    admin = await asyncpg.connect(postgres.admin_url)
    await admin.execute(f"CREATE ROLE {stranger} LOGIN")
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await asyncpg.connect(as_role(database, stranger))
    finally:
        await admin.execute(f"DROP ROLE {stranger}")
        await admin.close()


@pytest.fixture
async def person(migrated: Database, postgres: Postgres) -> AsyncIterator[tuple[str, Record]]:
    """The login of one person."""
    name = f"invented-{uuid4().hex[:8]}"
    admin = await asyncpg.connect(postgres.admin_url)
    await admin.execute(f'CREATE ROLE "{name}" LOGIN')
    await admin.execute(f'GRANT carepath_reader TO "{name}" WITH SET FALSE')
    try:
        async with open_clear(as_role(migrated, name)) as record:
            yield name, record
    finally:
        await admin.execute(f'DROP ROLE "{name}"')
        await admin.close()


async def test_the_login_of_a_person_acts_for_that_person_only(
    person: tuple[str, Record], record: Record, owner: Connection, postgres: Postgres
) -> None:
    name, theirs = person
    journey = await put_course(record, 9)
    while await advance(record, StateCache()):
        pass
    obligation = await owner.fetchval("SELECT obligation FROM read_model.obligation WHERE closed_at IS NULL LIMIT 1")
    for refused in (
        record_access(theirs, an_access(journey, reader_id="somebody-else")),
        claim(theirs, journey, obligation, "somebody-else"),
        release(theirs, journey, obligation, "somebody-else", of_anybody=True),
    ):
        with pytest.raises(RecordFault) as fault:
            await refused
        assert fault.value.code == "CP014"
    await record_access(theirs, an_access(journey, reader_id=name))
    taken = await claim(theirs, journey, obligation, name)
    assert taken is not None
    assert taken.by == name
    # One that can become the service's role can also give that a password, and then come as the service.
    await postgres.as_admin(f'GRANT carepath_reader TO "{name}" WITH SET TRUE')
    with pytest.raises(RecordFault) as fault:
        await record_access(theirs, an_access(journey, reader_id=name))
    assert fault.value.code == "CP014"


async def test_whoever_fills_the_queue_of_hints_stops_no_append(tmp_path: Path) -> None:
    """It is one queue for all databases of a server, and anybody who may connect may fill it."""
    server = Postgres(tmp_path / "data", tmp_path / "postgres.log", durable=False)
    await server.start()
    try:
        await migrate(server.owner_url, demonstration=True)
        holder = await asyncpg.connect(server.watchdog_url)
        await holder.execute("LISTEN anything; SET idle_in_transaction_session_timeout = 0; BEGIN; SELECT")
        flood = await asyncpg.connect(server.watchdog_url)
        with pytest.raises(asyncpg.ProgramLimitExceededError):
            await flood.execute("SELECT pg_notify('x', repeat('x', 7000) || n) FROM generate_series(1, 200) AS n")
        async with open_clear(server.database.recorder_url) as recorder:
            await recorder.append(uuid4(), 0, [event()])
    finally:
        await server.stop("immediate")


async def test_a_checkpoint_moves_forward_and_not_past_the_log(
    migrated: Database, record: Record, owner: Connection
) -> None:
    await record.append(uuid4(), 0, events(5))
    connection = await asyncpg.connect(migrated.projector_url)
    try:
        assert await connection.fetchval("SELECT read_model.move_checkpoint(1, 0, 3, true)")
        assert not await connection.fetchval("SELECT read_model.move_checkpoint(1, 0, 3, true)"), "it is not there"
        for to in (3, 2, 0, -1, 6, 2**62):
            with pytest.raises(asyncpg.PostgresError) as refused:
                await connection.fetchval("SELECT read_model.move_checkpoint(1, 3, $1, true)", to)
            assert refused.value.sqlstate == "CP013"
        building = await connection.fetchval("SELECT read_model.begin_generation(1::smallint, 1)")
        for to in (-1, 6):
            with pytest.raises(asyncpg.PostgresError) as refused:
                await connection.execute("SELECT read_model.filled($1, $2)", building, to)
            assert refused.value.sqlstate == "CP013"
        with pytest.raises(asyncpg.PostgresError):
            await connection.execute("SELECT read_model.filled(1, 0)")
    finally:
        await connection.close()
    assert await owner.fetchval("SELECT position FROM read_model.generation WHERE status = 'live'") == 3


async def test_everybody_is_short_by_themselves(migrated: Database, person: tuple[str, Record]) -> None:
    name, _ = person
    for role in (*ROLES, name):
        connection = await asyncpg.connect(as_role(migrated, role))
        try:
            for setting, seconds in (
                ("statement_timeout", 10),
                ("lock_timeout", 2),
                ("idle_in_transaction_session_timeout", 10),
            ):
                shown = await connection.fetchval("SELECT setting::int FROM pg_settings WHERE name = $1", setting)
                assert shown == seconds * 1000, (role, setting)
        finally:
            await connection.close()


async def test_nobody_holds_up_what_is_recorded(migrated: Database, record: Record, owner: Connection) -> None:
    """Whoever is no recorder does all they can to the very things that are recorded next, in a transaction that they
    leave open. Each thing that the recorder does goes on, and so does who enrols somebody."""
    journey, begins, notice, code = await put_course(record, 9), uuid4(), uuid4(), uuid4()
    version = (await record.head(journey)).version  # type: ignore[union-attr]
    while await advance(record, StateCache()):
        pass
    obligation = await owner.fetchval("SELECT obligation FROM read_model.obligation WHERE closed_at IS NULL LIMIT 1")
    patient, told = [patient_key("invented-1"), patient_key("invented-2")], a_notice(journey, notice_id=notice)
    log, waits = "1::smallint", patient_key("invented-3")
    enrols = f"SELECT record.enrol({log}, $1, 'PTSD', 'invented', $2, $3)"
    asks = f"SELECT record.ask_code({log}, $1, $2, 'patient', 'somebody', 'point', 'clinic', 'somebody')"
    blob = "SELECT record.keep_blob('held', 'journey/1')"
    everything: Statements = (("SELECT count(*) FROM record.journey_event", ()), ("SELECT * FROM record.journey", ()))
    held: dict[str, Statements] = {
        migrated.reader_url: (
            *everything,
            (enrols, (patient, uuid4(), begins)),
            (blob, ()),
            ("SELECT read_model.claim_obligation($1, $2, 'somebody')", (journey, obligation)),
            (f"SELECT record.keep_contact({log}, 'somebody', 1, 'x', 'somebody')", ()),
            (f"SELECT record.handle_notice({log}, $1, 'somebody')", (notice,)),
            (f"SELECT record.requeue_notice({log}, $1, 'somebody')", (notice,)),
            (asks, (code, journey)),
            ("LOCK TABLE record.journey_event IN ACCESS SHARE MODE", ()),
        ),
        migrated.console_url: (
            *everything,
            ("SELECT * FROM record.find_link(1::smallint, sha256('x'))", ()),
            ("SELECT record.use_link(1::smallint, sha256('x'))", ()),
        ),
        migrated.projector_url: (
            *everything,
            ("SELECT read_model.hold_live(1::smallint)", ()),
            ("SELECT read_model.rebuild_alone(1::smallint)", ()),
            ("LOCK TABLE read_model_1.caseload IN ACCESS EXCLUSIVE MODE", ()),
        ),
        migrated.watchdog_url: (
            *everything,
            ("INSERT INTO watch.matter (log_id, kind, name, shown) VALUES (1, 'x', 'x', '{}')", ()),
            ("INSERT INTO watch.look (log_id) VALUES (1)", ()),
        ),
    }
    holders = []
    for url, statements in held.items():
        holder = await asyncpg.connect(url)
        holders.append(holder)
        await holder.execute("SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0; BEGIN")
        for statement, arguments in statements:
            await holder.fetch(statement, *arguments)
    done: list[str] = []
    opening = Opening(patient_keys=tuple(patient), medicine="invented")
    recorded: dict[str, str] = {
        "reconcile": f"SELECT record.reconcile_alone({log})",
        "seal": f"SELECT record.seal_access({log})",
        "register": f"SELECT record.see_register({log}, 1, sha256('x'))",
        "take": f"SELECT record.take_notices({log}, true, 10, 0)",
        "put off": f"SELECT record.put_off_notice({log}, '{notice}', 0, NULL, false)",
        "escalate": f"SELECT record.escalate_notices({log})",
        "deliver": f"SELECT record.keep_deliveries({log}, '{notice}', '[]')",
        "end": f"SELECT record.end_notice({log}, '{notice}')",
        "blobs": f"SELECT record.drop_blobs({log}, now(), '{{}}', '{{}}')",
        "pass": f"SELECT record.keep_reconciliation({log}, now(), 'x', 0, 0, 0, 0, 0, NULL, 0)",
        "snapshot": f"SELECT record.keep_snapshot({log}, '{journey}', 1, 'x', 'x', 'x')",
    }
    try:
        async with open_clear(migrated.recorder_url) as recorder, open_clear(migrated.reader_url) as reader:
            async with asyncio.timeout(3):
                await recorder.append(journey, version, [event()])
                await recorder.append(begins, 0, [event()], opening=opening)
                await keep_blob(recorder, b"held", "journey/1")
                await recorder.deliver_notices([told])
                for what, statement in recorded.items():
                    async with recorder.connection() as connection, connection.transaction():
                        await connection.execute(statement)
                    done.append(what)
                await record_access(reader, an_access(journey))
                other = Opening(patient_keys=(waits,), medicine="invented")
                await patient_index.enrol(reader, other, pathway="PTSD", request_id=uuid4(), journey_id=uuid4())
        assert done == [*recorded]
    finally:
        for holder in holders:
            holder.terminate()


async def test_a_login_that_lacks_a_right_is_told_so(migrated: Database, owner: Connection) -> None:
    await owner.execute("REVOKE SELECT ON read_model.caseload FROM carepath_reader")
    async with open_clear(migrated.reader_url) as reader:
        with pytest.raises(RecordFault) as refused:
            async with alone(reader, "record.reconcile_alone"):
                pass
        with pytest.raises(RecordFault) as unseen:
            await caseload(reader, CaseloadFilter())
    for fault in (refused, unseen):
        assert "this login of the database has no right" in str(translate(fault.value))


async def test_who_may_not_close_a_database_is_told_that_it_stays_open(admin: Connection) -> None:
    """As on a managed PostgreSQL, where nobody is a superuser. Where it is closed already, that is no error."""
    close = (ROOT / "deploy" / "production" / "close_database.sql").read_text()
    tried = admin.transaction()
    await tried.start()
    await admin.execute("SET LOCAL ROLE carepath_owner")
    await admin.execute(close)
    for opened in ("pg_advisory_lock(bigint)", "lo_create(oid)"):
        await admin.execute(f"SAVEPOINT open; RESET ROLE; GRANT EXECUTE ON FUNCTION {opened} TO PUBLIC")
        await admin.execute("SET LOCAL ROLE carepath_owner")
        with pytest.raises(asyncpg.RaiseError, match="stays open to everybody"):
            await admin.execute(close)
        await admin.execute("ROLLBACK TO open")
        assert await admin.fetchval("SELECT current_user") == "carepath_owner"
    await tried.rollback()


async def test_nobody_takes_the_id_of_a_notice_before_it_leaves(migrated: Database, record: Record) -> None:
    """An alarm that was kept before it left would leave no more."""
    connection = await asyncpg.connect(migrated.reader_url)
    try:
        for taken in (uuid5(uuid4(), "notice:0"), UUID(int=0), UUID(int=2**128 - 1)):
            with pytest.raises(asyncpg.PostgresError) as refused:
                await connection.execute(
                    "SELECT record.ask_code(1::smallint, $1, $2, 'patient', 'x', 'y', 'z', 'x')", taken, uuid4()
                )
            assert refused.value.sqlstate == "CP003"
    finally:
        await connection.close()


async def test_who_enrols_slowly_holds_up_nobody_else(migrated: Database, record: Record) -> None:
    """Neither an opening, of that very patient too, nor who enrols somebody else, nor the same one by another login."""
    holder = await asyncpg.connect(migrated.reader_url)
    await holder.execute("BEGIN")
    patient, request, journey = patient_key("1"), uuid4(), uuid4()
    await holder.fetch("SELECT record.enrol(1::smallint, $1, 'PTSD', 'invented', $2, $3)", [patient], request, journey)
    opening = Opening(patient_keys=(patient,), medicine="invented")
    try:
        async with asyncio.timeout(5):
            for _ in range(3):
                other = Opening(patient_keys=(patient_key(str(uuid4())),), medicine="invented")
                await patient_index.enrol(record, other, pathway="PTSD", request_id=uuid4(), journey_id=uuid4())
            assert (
                await patient_index.enrol(record, opening, pathway="PTSD", request_id=request, journey_id=journey)
            ).outcome == "enrolled"
            await record.append(journey, 0, [event()], opening=opening)
    finally:
        await holder.close()


async def test_each_process_has_the_rights_it_needs(migrated: Database, record: Record) -> None:
    """The lists are projected and built anew as the projector, from what the recorder appended."""
    async with open_clear(migrated.recorder_url) as recorder, open_clear(migrated.projector_url) as projector:
        journey = await put_course(recorder, 30)
        while await advance(projector, StateCache()):
            pass
        assert await rebuild(projector) == 2
        for refused in (
            projector.append(journey, 0, [event()]),
            load_snapshot(projector, journey, b""),
            rebuild(recorder),
        ):
            with pytest.raises(RecordFault) as fault:
                await refused
            assert fault.value.code == "42501"
    async with open_clear(migrated.reader_url) as reader:
        with pytest.raises(RecordFault):
            await reader.append(UUID(int=1), 0, [event()])
