"""What somebody changes in the schema of a database is found, whatever it is."""

import re

from activities.record import Record
from activities.record.schema_objects import LISTED, differences, find_objects, find_schema_differences
from deploy.local.postgres import Database
from tests.record.helpers import Connection
from tests.record.list_schema import listed

CHANGES = {
    "DROP TRIGGER append_only ON record.notice": "trigger record.notice.append_only is gone",
    "ALTER TABLE record.command DISABLE TRIGGER append_only": "trigger record.command.append_only is changed",
    "ALTER TABLE record.log ENABLE TRIGGER append_only": "trigger record.log.append_only is changed",
    "CREATE TRIGGER t BEFORE INSERT ON record.log EXECUTE FUNCTION record.hint()": "trigger record.log.t is unknown",
    "CREATE RULE nothing AS ON INSERT TO record.journey_event DO INSTEAD NOTHING":
        "rule record.journey_event.nothing is unknown",
    "ALTER TABLE record.access_log ENABLE ROW LEVEL SECURITY": "relation record.access_log is changed",
    "ALTER TABLE record.notice DROP CONSTRAINT notice_pkey": "constraint record.notice.notice_pkey is gone",
    "CREATE UNIQUE INDEX one ON record.notice (log_id)": "unique index record.notice.one is unknown",
    "ALTER TABLE record.notice ALTER COLUMN log_id SET DEFAULT 1": "relation record.notice is changed",
    "ALTER TABLE record.notice ADD COLUMN more text": "relation record.notice is changed",
    "GRANT DELETE ON record.journey_event TO carepath_recorder": "relation record.journey_event is changed",
    "GRANT SELECT (log_id) ON record.link TO PUBLIC": "relation record.link is changed",
    "GRANT UPDATE ON record.link TO pg_monitor": "relation record.link is changed",
    "REVOKE SELECT ON record.journey FROM carepath_watchdog": "relation record.journey is changed",
    "ALTER TABLE record.blob OWNER TO carepath_reader": "relation record.blob is changed",
    "GRANT CREATE ON SCHEMA record TO carepath_reader": "schema record is changed",
    "DROP FUNCTION record.hint CASCADE": "function record.hint() is gone",
    "CREATE OR REPLACE FUNCTION record.refuse_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'":
        "function record.refuse_change() is changed",
    "CREATE FUNCTION record.more() RETURNS void LANGUAGE sql AS ''": "function record.more() is unknown",
    "CREATE FUNCTION record.see_register(_log_id smallint, _version integer, _content_hash bytea, _more text) "
    "RETURNS void LANGUAGE sql AS ''":
        "function record.see_register(_log_id smallint, _version integer, _content_hash bytea, _more text) is unknown",
    "ALTER FUNCTION record.seal_access SECURITY INVOKER": "function record.seal_access(",
    "CREATE OR REPLACE VIEW read_model.poisoned AS SELECT * FROM read_model_shape.poisoned":
        "relation read_model.poisoned is changed",
    "CREATE SCHEMA other; CREATE TABLE other.poisoned (LIKE read_model_shape.poisoned); "
    "CREATE OR REPLACE VIEW read_model.poisoned AS SELECT * FROM other.poisoned":
        "relation read_model.poisoned is changed",
    "GRANT DELETE ON live.obligation TO carepath_reader": "relation live.obligation is changed",
    "ALTER TABLE live.obligation ALTER COLUMN due SET DEFAULT 'infinity'": "relation live.obligation is changed",
    "CREATE RULE nothing AS ON INSERT TO live.obligation DO INSTEAD NOTHING":
        "rule live.obligation.nothing is unknown",
    "CREATE TRIGGER t BEFORE INSERT ON live.obligation EXECUTE FUNCTION record.hint()":
        "trigger live.obligation.t is unknown",
    "ALTER TABLE live.caseload ENABLE ROW LEVEL SECURITY": "relation live.caseload is changed",
    "ALTER TABLE live.audience DROP CONSTRAINT audience_pkey": "constraint live.audience.audience_pkey is gone",
    "GRANT CREATE ON SCHEMA live TO carepath_projector": "schema live is changed",
    "ALTER ROLE carepath_reader BYPASSRLS": "right carepath_reader.bypassrls is unknown",
    "GRANT pg_read_all_data TO carepath_reader": "membership carepath_reader in pg_read_all_data is unknown",
    "GRANT pg_monitor TO carepath_watchdog; GRANT pg_write_all_data TO pg_monitor":
        "membership carepath_watchdog in pg_write_all_data is unknown",
    "GRANT carepath_recorder TO carepath_reader": "membership carepath_reader in carepath_recorder is unknown",
    "CREATE ROLE invented_group; GRANT SELECT ON record.link TO invented_group; "
    "GRANT invented_group TO carepath_reader":
        "membership carepath_reader in invented_group is unknown",
    "CREATE ROLE invented_login LOGIN; GRANT carepath_recorder TO invented_login WITH SET FALSE":
        "membership invented_login in carepath_recorder is unknown",
    "CREATE ROLE invented_login LOGIN; GRANT carepath_reader TO invented_login WITH INHERIT FALSE":
        "membership invented_login in carepath_reader is unknown",
    "DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO carepath_reader', current_database()); END $$":
        "right carepath_reader.CREATE on database is unknown",
    "DO $$ BEGIN EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO PUBLIC', current_database()); END $$":
        "right public.TEMPORARY on database is unknown",
    "GRANT CREATE ON SCHEMA public TO PUBLIC": "right public.CREATE on public is unknown",
    "CREATE SCHEMA more; GRANT CREATE ON SCHEMA more TO carepath_projector":
        "right carepath_projector.CREATE on more is unknown",
    "ALTER ROLE carepath_recorder SET session_replication_role = replica":
        "setting carepath_recorder.session_replication_role is unknown",
    "ALTER ROLE carepath_recorder SET synchronous_commit = off":
        "setting carepath_recorder.synchronous_commit is unknown",
    "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path = public', current_database()); END $$":
        "setting database.search_path is unknown",
    "CREATE SCHEMA more; GRANT USAGE ON SCHEMA more TO carepath_reader; "
    "CREATE FUNCTION more.cut() RETURNS void LANGUAGE sql SECURITY DEFINER AS 'DELETE FROM record.notice'; "
    "GRANT EXECUTE ON FUNCTION more.cut TO carepath_reader":
        "function more.cut() is unknown",
    "CREATE SCHEMA more; GRANT USAGE ON SCHEMA more TO carepath_reader; "
    "CREATE VIEW more.queued AS SELECT * FROM record.queued_notice; GRANT DELETE ON more.queued TO carepath_reader":
        "view more.queued is unknown",
}  # fmt: skip
"""A statement, and what is said of it afterwards."""
ALLOWED = (
    "CREATE INDEX more ON record.notice (log_id)",
    "GRANT SELECT ON record.journey TO pg_monitor",
    "GRANT SELECT (log_id) ON record.link TO pg_monitor",
    # As a cloud has it whose roles sign in by its own service, and as operators set it.
    "CREATE ROLE invented_cloud_iam; GRANT invented_cloud_iam TO carepath_recorder WITH INHERIT TRUE, SET TRUE",
    "GRANT pg_read_all_settings TO carepath_watchdog",
    'CREATE ROLE "invented-person" LOGIN; GRANT carepath_reader TO "invented-person" WITH SET FALSE',
    "ALTER ROLE carepath_recorder SET synchronous_commit = remote_apply",
    "ALTER ROLE carepath_reader SET statement_timeout = '5s'",
    "CREATE SCHEMA theirs; CREATE FUNCTION theirs.f() RETURNS void LANGUAGE sql SECURITY DEFINER AS ''",
    "SELECT read_model.publish(read_model.begin_generation(1::smallint, 1))",
)


async def test_the_list_is_of_the_schema_as_it_is(migrated: Database) -> None:
    assert await listed(migrated.owner_url) == LISTED.read_text(), "run `python -m tests.record.list_schema`"


async def test_every_change_of_the_schema_is_told(record: Record, admin: Connection) -> None:
    assert await find_schema_differences(record) == ()
    assert await differences_after(admin, *ALLOWED) == []
    live = await admin.fetchval("SELECT 'read_model_' || id FROM read_model.generation WHERE status = 'live'")
    for change, said in CHANGES.items():
        told = await differences_after(admin, re.sub(r"\blive\b", live, change))
        assert any(each.startswith(said) for each in told), change


async def differences_after(admin: Connection, *changes: str) -> list[str]:
    tried = admin.transaction()
    await tried.start()
    try:
        for change in changes:
            await admin.execute(change)
        return [str(each) for each in differences(await find_objects(admin))]
    finally:
        await tried.rollback()


async def test_a_database_of_a_newer_build_is_left_as_it_is(record: Record, admin: Connection) -> None:
    await admin.execute("CREATE TABLE record.later (n int)")
    assert [str(each) for each in await find_schema_differences(record)] == ["relation record.later is unknown"]
    await admin.execute("INSERT INTO record.schema_file (name, sha256) VALUES ('migrations/9999_later.sql', '')")
    assert await find_schema_differences(record) == ()


async def test_views_of_another_definition_are_left_until_lists_are_built_anew(
    record: Record, admin: Connection
) -> None:
    """A migration that gives a list a column, or adds one, changes what views there are only once they show that."""
    await admin.execute("DROP VIEW read_model.poisoned")
    assert [str(each) for each in await find_schema_differences(record)] == ["relation read_model.poisoned is gone"]
    await admin.execute("UPDATE read_model.generation SET definition = definition - 1")
    assert await find_schema_differences(record) == ()
