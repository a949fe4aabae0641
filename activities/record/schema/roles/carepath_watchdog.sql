-- The watchdog's role: it reads the log and what is shown of it, and writes only what it found and that it lives.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'carepath_watchdog') THEN
        CREATE ROLE carepath_watchdog LOGIN;
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    NULL;
END
$$;

CREATE SCHEMA watch;
GRANT USAGE ON SCHEMA record, read_model, watch TO carepath_watchdog;
GRANT USAGE ON SCHEMA watch TO carepath_recorder, carepath_reader, carepath_console;
-- Everybody compares the schema with what their build has, unless the database is a newer build's.
GRANT SELECT ON record.schema_file TO carepath_recorder, carepath_reader, carepath_console, carepath_watchdog;
