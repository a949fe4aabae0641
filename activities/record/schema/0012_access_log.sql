-- Who looked at which journeys: kept before anything is shown, and never changed (45 CFR 164.312(b), audit controls).
-- position is up to where what they saw was true, definition which read models it came from (none: it was folded from
-- the log), and clock what was late by: with the command, it can be shown again.
CREATE TABLE record.access_log (
    log_id      smallint    NOT NULL,
    entry_id  uuid        NOT NULL,
    at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    reader_id   text        NOT NULL,
    reader_role text        NOT NULL,
    purpose     text        NOT NULL,
    clock       timestamptz NOT NULL,
    command     text[]      NOT NULL,
    shown       boolean     NOT NULL,
    journeys    uuid[]      NOT NULL,
    rows        text[]      NOT NULL,
    position    bigint      NOT NULL,
    definition  integer,
    reason      text,
    until       timestamptz,
    PRIMARY KEY (log_id, entry_id)
);
CREATE INDEX access_log_at ON record.access_log (log_id, at);
CREATE INDEX access_log_reader ON record.access_log (log_id, reader_id, at);
CREATE INDEX access_log_glass_broken ON record.access_log (log_id, at) WHERE until IS NOT NULL;
CREATE INDEX access_log_journeys ON record.access_log USING gin (journeys);

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON record.access_log
    FOR EACH STATEMENT EXECUTE FUNCTION record.refuse_change();
ALTER TABLE record.access_log ENABLE ALWAYS TRIGGER append_only;

GRANT SELECT ON record.access_log TO carepath_app;

-- Keeps a reading, once: false when this id was kept before. Who reads and when is never the caller's to change.
CREATE FUNCTION record.record_access(
    _log_id smallint, _entry_id uuid, _reader_id text, _reader_role text, _purpose text, _clock timestamptz,
    _command text[], _shown boolean, _journeys uuid[], _rows text[], _position bigint, _definition integer, _reason text,
    _until timestamptz
) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, record, pg_temp AS $$
BEGIN
    INSERT INTO access_log (log_id, entry_id, reader_id, reader_role, purpose, clock, command, shown, journeys, rows,
                         position, definition, reason, until)
    VALUES (_log_id, _entry_id, _reader_id, _reader_role, _purpose, _clock, _command, _shown, _journeys, _rows,
            _position, _definition, _reason, _until)
    ON CONFLICT (log_id, entry_id) DO NOTHING;
    RETURN FOUND;
END
$$;
REVOKE ALL ON FUNCTION record.record_access FROM PUBLIC;
GRANT EXECUTE ON FUNCTION record.record_access TO carepath_app;
