-- The passes of reconciliation, one row each: which build compared every open journey with what Temporal runs, when,
-- and what it found. code says why a pass ended early, clock_ahead by how many seconds the clock of its machine was ahead of
-- the database's. Whoever watches the service reads when the last one ended.
CREATE TABLE record.reconciliation (
    log_id    smallint    NOT NULL,
    ended     timestamptz NOT NULL DEFAULT clock_timestamp(),
    began     timestamptz NOT NULL,
    build     text        NOT NULL CHECK (octet_length(build) <= 200),
    looked_at integer     NOT NULL CHECK (looked_at >= 0),
    lost      integer     NOT NULL CHECK (lost >= 0),
    different integer     NOT NULL CHECK (different >= 0),
    mended    integer     NOT NULL CHECK (mended >= 0),
    failed    integer     NOT NULL CHECK (failed >= 0),
    code      text        CHECK (octet_length(code) <= 100),
    clock_ahead bigint    NOT NULL,
    PRIMARY KEY (log_id, ended)
);
GRANT SELECT ON record.reconciliation TO carepath_recorder, carepath_reader, carepath_console, carepath_watchdog;
