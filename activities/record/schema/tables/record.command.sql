-- The commands that events follow from, as they were decided. A command stands at the version of its first event, and
-- each of its events names it by a digest, so the chains cover it.
CREATE TABLE record.command (
    log_id     smallint NOT NULL,
    journey_id uuid     NOT NULL,
    version    integer  NOT NULL CHECK (version > 0),
    events     integer  NOT NULL CHECK (events > 0),
    payload    bytea    NOT NULL,
    PRIMARY KEY (log_id, journey_id, version)
);
GRANT SELECT ON record.command TO carepath_recorder, carepath_reader, carepath_console;
