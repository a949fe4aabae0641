-- Who looked at which journeys: recorded before anything is shown, and never changed (45 CFR 164.312(b), audit
-- controls). position is up to where what they saw was true, definition which read models it came from (none: it was
-- folded from the log), and clock what was late by: with the command, it can be shown again.
CREATE TABLE record.access_log (
    log_id      smallint    NOT NULL,
    entry_id    uuid        NOT NULL,
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
GRANT SELECT ON record.access_log TO carepath_recorder, carepath_reader;
