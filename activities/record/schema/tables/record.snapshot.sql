-- One fold of each long journey, so that a new run compares itself with the record without folding all of it. It is
-- derived from the journey's events up to this hash, by code of this digest; any other code folds them again.
CREATE TABLE record.snapshot (
    log_id       smallint NOT NULL,
    journey_id   uuid     NOT NULL,
    version      integer  NOT NULL CHECK (version > 0),
    journey_hash bytea    NOT NULL,
    code         bytea    NOT NULL,
    content      bytea    NOT NULL,
    PRIMARY KEY (log_id, journey_id)
);
ALTER TABLE record.snapshot ALTER COLUMN content SET STORAGE EXTERNAL;
GRANT SELECT ON record.snapshot TO carepath_recorder;
