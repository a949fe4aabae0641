-- The head of each journey: the only projection written together with the log.
-- Nothing that changes at every append is indexed, so those updates stay heap-only.
CREATE TABLE record.journey (
    log_id        smallint NOT NULL,
    journey_id    uuid     NOT NULL,
    version       integer  NOT NULL,
    journey_hash  bytea    NOT NULL,
    last_position bigint   NOT NULL,
    status        text     NOT NULL CHECK (status IN ('open', 'closed')),
    patient_key   bytea,
    medicine      text,
    PRIMARY KEY (log_id, journey_id)
) WITH (fillfactor = 80);

CREATE UNIQUE INDEX journey_one_open ON record.journey (log_id, patient_key, medicine) WHERE status = 'open';
CREATE INDEX journey_patient ON record.journey (log_id, patient_key);

GRANT SELECT ON record.journey TO carepath_recorder, carepath_projector, carepath_reader, carepath_console, carepath_watchdog;
