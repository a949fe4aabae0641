-- The registers of who may sign that were used with a log. The newest one is the register: an older one, or another one
-- of the same version, was put back, and is refused whatever process reads it.
CREATE TABLE record.register (
    log_id       smallint    NOT NULL,
    version      integer     NOT NULL CHECK (version >= 1),
    content_hash bytea       NOT NULL CHECK (octet_length(content_hash) = 32),
    seen_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (log_id, version)
);
GRANT SELECT ON record.register TO carepath_recorder, carepath_reader, carepath_console;
