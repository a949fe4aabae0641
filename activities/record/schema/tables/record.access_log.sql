-- Who looked at which journeys: recorded before anything is shown, and never changed (45 CFR 164.312(b), audit
-- controls). position is up to where what they saw was true, definition which read models it came from (none: it was
-- folded from the log), and clock what was late by: with the command, it can be shown again. Any login may add a row, and
-- none is ever taken away: what could not be read by everybody else is refused.
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
    PRIMARY KEY (log_id, entry_id),
    CONSTRAINT access_log_reader CHECK (
        octet_length(reader_id) <= 200
        AND reader_role IN ('patient', 'coordinator', 'clinician', 'therapist', 'session_monitor', 'observer',
                            'on_call_clinician', 'medical_director', 'ops', 'system')
        AND purpose IN ('TREAT', 'CAREMGT', 'HOPERAT', 'HSYSADMIN', 'PATSFTY', 'PATRQT', 'HLEGAL', 'BTG')),
    CONSTRAINT access_log_times CHECK (
        clock >= '1900-01-01 UTC' AND clock < '9999-01-01 UTC'
        AND (until IS NULL OR (until >= '1900-01-01 UTC' AND until < '9999-01-01 UTC'))),
    CONSTRAINT access_log_asked CHECK (
        coalesce(array_ndims(command), 0) = 1 AND array_position(command, NULL) IS NULL AND octet_length(command::text) <= 4194304
        AND cardinality(journeys) <= 100000 AND coalesce(array_ndims(journeys), 1) = 1
        AND array_position(journeys, NULL) IS NULL
        AND coalesce(array_ndims(rows), 1) = 1 AND array_position(rows, NULL) IS NULL
        AND octet_length(rows::text) <= 4194304),
    CONSTRAINT access_log_emergency CHECK (
        octet_length(reason) <= 131072 AND (until IS NULL OR cardinality(journeys) > 0))
);
CREATE INDEX access_log_at ON record.access_log (log_id, at);
CREATE INDEX access_log_reader ON record.access_log (log_id, reader_id, at);
CREATE INDEX access_log_glass_broken ON record.access_log (log_id, at) WHERE until IS NOT NULL;
CREATE INDEX access_log_journeys ON record.access_log USING gin (journeys);
GRANT SELECT ON record.access_log TO carepath_recorder, carepath_reader, carepath_console;
