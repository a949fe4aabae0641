-- By which secret of the key store a log tells patients apart: what only who has it can say. By another one, of a key store
-- that was made anew or is another record's, everybody would be a new patient, of whom no dose is known.
CREATE TABLE record.identity (
    log_id  smallint    PRIMARY KEY,
    mark    bytea       NOT NULL CHECK (octet_length(mark) = 32),
    made_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
GRANT SELECT ON record.identity TO carepath_recorder, carepath_projector, carepath_reader, carepath_console, carepath_watchdog;
