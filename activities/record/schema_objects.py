"""Compares what there is in a database with what the schema's files make: whoever owns the record, or is the database's
superuser, can drop a trigger or give somebody a right, and nothing else would tell.

`schema_objects.txt` lists every object with a digest of its definition, its owner and who may do what with it. A test
makes it from the files. What gives more than they do, to a role of the service or past it, is named by itself. Left to
operators are indexes of their own, who else may read, and what gives a role nothing here.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal, NamedTuple

from activities.connection_pool import Connection
from activities.record.migrations import read_scripts
from activities.record.read_models.rows import DEFINITION
from activities.record.store import Record

LISTED = Path(__file__).with_suffix(".txt")


class SchemaDifference(NamedTuple):
    """An object of the schema, such as `trigger record.journey_event.append_only`, that is not as this build has it."""

    name: str
    how: Literal["gone", "changed", "unknown"]

    def __str__(self) -> str:
        return f"{self.name} is {self.how}"


_OBJECTS = """
WITH RECURSIVE live AS (SELECT 'read_model_' || id AS name FROM read_model.generation WHERE status = 'live'),
-- Of the generations of lists the one that is shown, under one name whichever it is.
ours AS (SELECT oid, CASE nspname WHEN live.name THEN 'live' ELSE nspname::text END AS name, nspowner, nspacl
           FROM pg_namespace LEFT JOIN live ON nspname = live.name
          WHERE nspname IN ('record', 'read_model', 'read_model_shape', 'watch') OR live.name IS NOT NULL),
relations AS (SELECT c.*, o.name || '.' || c.relname AS name FROM pg_class c JOIN ours o ON o.oid = c.relnamespace
               WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')),
services AS (SELECT * FROM pg_roles
              WHERE rolname IN ('carepath_recorder', 'carepath_projector', 'carepath_reader', 'carepath_console',
                              'carepath_watchdog')),
owners AS (SELECT nspowner AS oid FROM ours WHERE name = 'record'
            UNION SELECT datdba FROM pg_database WHERE datname = current_database()
            UNION SELECT oid FROM pg_roles WHERE rolsuper),
granted AS (SELECT grantee, privilege_type AS privilege, 'database' AS place
              FROM pg_database, aclexplode(coalesce(datacl, acldefault('d', datdba))) WHERE datname = current_database()
             UNION ALL
            SELECT grantee, privilege_type, nspname FROM pg_namespace, aclexplode(nspacl)
             WHERE nspname NOT IN (SELECT name FROM ours) AND privilege_type <> 'USAGE'),
-- What each role of the service is, by whatever membership.
memberships (service, oid) AS (
    SELECT s.rolname, roleid FROM services s JOIN pg_auth_members ON member = s.oid
    UNION
    SELECT service, roleid FROM memberships m JOIN pg_auth_members ON member = m.oid),
given AS (SELECT DISTINCT grantee FROM (
              SELECT (aclexplode(nspacl)).grantee FROM ours
              UNION ALL SELECT (aclexplode(relacl)).grantee FROM relations
              UNION ALL SELECT (aclexplode(attacl)).grantee FROM pg_attribute JOIN relations r ON r.oid = attrelid
              UNION ALL SELECT (aclexplode(proacl)).grantee FROM pg_proc JOIN ours o ON o.oid = pronamespace
              UNION ALL SELECT grantee FROM granted WHERE privilege <> 'CONNECT') AS each),
-- What no build makes, and gives more than the rest says. Other memberships and settings are harmless: a cloud and
-- operators give them.
harmful (kind, name) AS (
    SELECT 'right', rolname || '.' || attribute
      FROM services, LATERAL (VALUES ('superuser', rolsuper), ('createrole', rolcreaterole), ('createdb', rolcreatedb),
           ('bypassrls', rolbypassrls), ('replication', rolreplication)) AS has (attribute, it)
     WHERE it
    UNION ALL
    SELECT 'right', coalesce(rolname, 'public') || '.' || privilege || ' on ' || place
      FROM granted LEFT JOIN services s ON s.oid = grantee
     WHERE grantee = 0 OR (s.oid IS NOT NULL AND privilege <> 'CONNECT')
    UNION ALL
    SELECT 'membership', service || ' in ' || rolname FROM memberships m JOIN pg_roles r USING (oid)
     WHERE rolsuper OR rolcreaterole OR rolcreatedb OR rolbypassrls OR rolreplication
        OR (starts_with(rolname, 'pg_') AND rolname NOT IN
            ('pg_monitor', 'pg_read_all_settings', 'pg_read_all_stats', 'pg_stat_scan_tables'))
        OR starts_with(rolname, 'carepath_')
        OR r.oid IN (SELECT oid FROM owners UNION SELECT grantee FROM given)
    UNION ALL
    -- Whoever can become a role of the service is it. A person's login is a member of the reader that cannot.
    SELECT 'membership', m.rolname || ' in ' || s.rolname
      FROM services s JOIN pg_auth_members a ON roleid = s.oid JOIN pg_roles m ON m.oid = member
     WHERE (set_option OR (inherit_option AND s.rolname <> 'carepath_reader'))
       AND member NOT IN (SELECT oid FROM owners) AND NOT starts_with(m.rolname, 'carepath_')
    UNION ALL
    SELECT 'setting', coalesce(rolname, 'database') || '.' || name
      FROM pg_db_role_setting LEFT JOIN services s ON s.oid = setrole, unnest(setconfig) AS setting,
           split_part(setting, '=', 1) AS name
     WHERE (s.oid IS NOT NULL OR setrole = 0) AND (setdatabase = 0 OR setdatabase = (
               SELECT oid FROM pg_database WHERE datname = current_database()))
       AND (name IN ('role', 'search_path', 'session_replication_role', 'local_preload_libraries',
                     'session_preload_libraries') OR setting = 'synchronous_commit=off')
    UNION ALL
    -- With the rights of whoever owns the record, or of the superuser: what runs so, and what writes so.
    SELECT DISTINCT 'function', nspname || '.' || proname || '(' || pg_get_function_identity_arguments(p.oid) || ')'
      FROM pg_proc p JOIN pg_namespace n ON n.oid = pronamespace CROSS JOIN services s
     WHERE prosecdef AND proowner IN (SELECT oid FROM owners)
       AND n.oid NOT IN (SELECT oid FROM ours) AND nspname NOT IN ('pg_catalog', 'information_schema')
       AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_proc'::regclass AND objid = p.oid AND deptype = 'e')
       AND has_schema_privilege(s.oid, n.oid, 'USAGE') AND has_function_privilege(s.oid, p.oid, 'EXECUTE')
    UNION ALL
    SELECT DISTINCT 'view', nspname || '.' || relname
      FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace CROSS JOIN services s
     WHERE relkind = 'v' AND relowner IN (SELECT oid FROM owners)
       AND n.oid NOT IN (SELECT oid FROM ours) AND nspname NOT IN ('pg_catalog', 'information_schema')
       AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = c.oid AND deptype = 'e')
       AND has_schema_privilege(s.oid, n.oid, 'USAGE')
       AND (has_any_column_privilege(s.oid, c.oid, 'INSERT, UPDATE') OR has_table_privilege(s.oid, c.oid, 'DELETE'))
),
objects (kind, name, definition, owner, acl) AS (
    SELECT 'schema', name, '', nspowner, coalesce(nspacl, acldefault('n', nspowner)) FROM ours
    UNION ALL
    SELECT 'relation', name, concat_ws(',', relkind, relpersistence, relrowsecurity, relforcerowsecurity,
               -- As every version of PostgreSQL writes it, and in whichever generation is live.
               regexp_replace(replace(pg_get_viewdef(r.oid), (SELECT name || '.' FROM live), '<live>'),
                              '\\m\\w+\\.|\\s', '', 'g'),
               (SELECT string_agg(concat_ws(' ', attname, format_type(atttypid, atttypmod), attnotnull, attidentity,
                                            attgenerated, pg_get_expr(adbin, adrelid)), ',' ORDER BY attname)
                  FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
                 WHERE attrelid = r.oid AND attnum > 0 AND NOT attisdropped)),
           relowner, coalesce(relacl, acldefault(CASE relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", relowner))
               || (SELECT array_agg(granted) FROM pg_attribute, unnest(attacl) AS granted WHERE attrelid = r.oid)
      FROM relations r
    UNION ALL
    -- A foreign key is kept by triggers, which can be switched off by themselves.
    SELECT 'constraint', r.name || '.' || conname, concat_ws(',', pg_get_constraintdef(c.oid), convalidated,
               (SELECT count(*) FROM pg_trigger WHERE tgconstraint = c.oid AND tgenabled <> 'O')),
           relowner, NULL
      FROM relations r JOIN pg_constraint c ON conrelid = r.oid AND contype <> 'n'
    UNION ALL
    SELECT CASE WHEN indisunique THEN 'unique index' ELSE 'index' END, r.name || '.' || i.relname,
           concat_ws(',', pg_get_indexdef(i.oid), indisvalid), i.relowner, NULL
      FROM relations r JOIN pg_index ON indrelid = r.oid JOIN pg_class i ON i.oid = indexrelid
     WHERE NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = i.oid)
       AND (indisunique OR NOT starts_with(r.name, 'live.'))
    UNION ALL
    SELECT 'trigger', r.name || '.' || tgname, concat_ws(',', pg_get_triggerdef(t.oid), tgenabled), relowner, NULL
      FROM relations r JOIN pg_trigger t ON tgrelid = r.oid AND NOT tgisinternal
    UNION ALL
    SELECT 'rule', r.name || '.' || rulename, concat_ws(',', pg_get_ruledef(w.oid), ev_enabled), relowner, NULL
      FROM relations r JOIN pg_rewrite w ON ev_class = r.oid AND rulename <> '_RETURN'
    UNION ALL
    SELECT 'policy', r.name || '.' || polname, '', relowner, NULL FROM relations r JOIN pg_policy ON polrelid = r.oid
    UNION ALL
    SELECT 'function', o.name || '.' || proname || '(' || pg_get_function_identity_arguments(p.oid) || ')',
           CASE prokind WHEN 'a' THEN 'aggregate' ELSE pg_get_functiondef(p.oid) END,
           proowner, coalesce(proacl, acldefault('f', proowner))
      FROM pg_proc p JOIN ours o ON o.oid = pronamespace
    UNION ALL
    SELECT 'role', rolname, '', NULL, NULL FROM services
    UNION ALL
    SELECT kind, name, '', NULL, NULL FROM harmful
)
SELECT kind || ' ' || name AS name,
       left(encode(sha256(convert_to(concat_ws(',', definition,
           owner = (SELECT nspowner FROM ours WHERE ours.name = 'record'),
           (SELECT string_agg(concat_ws(' ', coalesce(rolname, 'public'), privilege_type, is_grantable), ','
                              ORDER BY rolname COLLATE "C", privilege_type)
              FROM aclexplode(acl) LEFT JOIN pg_roles r ON r.oid = grantee
             WHERE grantee <> owner AND (grantee = 0 OR rolname LIKE 'carepath\\_%'
                                         OR privilege_type NOT IN ('SELECT', 'USAGE')))
       ), 'UTF8')), 'hex'), 32) AS digest
  FROM objects
"""


async def find_objects(connection: Connection) -> dict[str, str]:
    """Return the objects of the schema in this database, each with its digest."""
    async with connection.transaction():
        # What is not on it is written with its schema.
        await connection.execute("SET LOCAL search_path = pg_catalog")
        return {row["name"]: row["digest"] for row in await connection.fetch(_OBJECTS)}


async def find_schema_differences(record: Record) -> tuple[SchemaDifference, ...]:
    """Return what differs in the record's database; nothing where it is of a newer build. Until lists are built anew by
    this build, their views are those of another one, and are left out.

    Raises:
        RecordUnavailable, RecordFault: as the record does.
    """
    async with record.connection() as connection:
        found = await find_objects(connection)
        # After it, so that what a newer build changes meanwhile is taken for that.
        applied = await connection.fetch("SELECT name FROM record.schema_file WHERE name LIKE 'migrations/%'")
        live = await connection.fetchval("SELECT definition FROM read_model.generation WHERE status = 'live'")
    if {row["name"] for row in applied} - {name for name, _ in read_scripts()}:
        return ()
    views = {name.replace("_shape.", ".") for name in found if name.startswith("relation read_model_shape.")}
    return tuple(
        each
        for each in differences(found)
        if live == DEFINITION or (each.name not in views and not each.name.split(" ")[-1].startswith("live."))
    )


def differences(found: Mapping[str, str]) -> Iterator[SchemaDifference]:
    """Yield how objects with their digests differ from those of this build."""
    listed = dict(line.rsplit(" ", 1) for line in LISTED.read_text().splitlines())
    for name in sorted({*listed, *found}):
        if name not in found:
            yield SchemaDifference(name, "gone")
        elif name not in listed and not name.startswith("index "):
            yield SchemaDifference(name, "unknown")
        elif name in listed and listed[name] != found[name]:
            yield SchemaDifference(name, "changed")
