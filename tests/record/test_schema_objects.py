"""What somebody changes in the schema of a database is found, whatever it is."""

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
    "CREATE SCHEMA live; CREATE TABLE live.poisoned (LIKE read_model_shape.poisoned); "
    "CREATE OR REPLACE VIEW read_model.poisoned AS SELECT * FROM live.poisoned":
        "relation read_model.poisoned is changed",
    "ALTER ROLE carepath_reader BYPASSRLS": "role carepath_reader is changed",
}  # fmt: skip
"""A statement, and what is said of it afterwards."""
ALLOWED = (
    "CREATE INDEX more ON record.notice (log_id)",
    "GRANT SELECT ON record.journey TO pg_monitor",
    "GRANT SELECT (log_id) ON record.link TO pg_monitor",
    "SELECT read_model.publish(read_model.begin_generation(1::smallint, 1))",
)


async def test_the_list_is_of_the_schema_as_it_is(migrated: Database) -> None:
    assert await listed(migrated.owner_url) == LISTED.read_text(), "run `python -m tests.record.list_schema`"


async def test_every_change_of_the_schema_is_told(record: Record, admin: Connection) -> None:
    for change in ALLOWED:
        await admin.execute(change)
    assert await find_schema_differences(record) == ()
    for change, said in CHANGES.items():
        tried = admin.transaction()
        await tried.start()
        await admin.execute(change)
        found = [str(each) for each in differences(await find_objects(admin))]
        await tried.rollback()
        assert any(each.startswith(said) for each in found), change


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
