-- The log. log_id is in every key so that one log per site or region stays possible.
CREATE TABLE record.journey_event (
    log_id         smallint    NOT NULL,
    position       bigint      NOT NULL CHECK (position > 0),
    journey_id     uuid        NOT NULL,
    version        integer     NOT NULL CHECK (version > 0),
    event_id       uuid        NOT NULL,
    event_type     text        NOT NULL,
    schema_version smallint    NOT NULL,
    occurred_at    timestamptz NOT NULL,
    recorded_at    timestamptz NOT NULL,
    actor_id       text        NOT NULL,
    actor_role     text        NOT NULL,
    command_id     uuid        NOT NULL,
    causation_id   uuid,
    payload        bytea       NOT NULL,
    content_hash   bytea       NOT NULL,
    journey_hash   bytea       NOT NULL,
    log_hash       bytea       NOT NULL,
    PRIMARY KEY (log_id, position),
    CONSTRAINT journey_event_version UNIQUE (log_id, journey_id, version),
    CONSTRAINT journey_event_id UNIQUE (log_id, event_id)
);
CREATE INDEX journey_event_recorded_at ON record.journey_event USING brin (recorded_at);
-- Refusals are few and are listed for themselves; no other event has a place in it.
CREATE INDEX journey_event_refused ON record.journey_event (log_id, position) WHERE event_type = 'command.refused';
-- Merges that were undone are fewer still; reconciliation looks whether their patients are two again.
CREATE INDEX journey_event_unmerged ON record.journey_event (log_id, journey_id) WHERE event_type = 'patient.unmerged';
-- So are moves of patients; lists show times where the patient is now.
CREATE INDEX journey_event_moved ON record.journey_event (log_id, journey_id) WHERE event_type = 'patient.moved';
GRANT SELECT ON record.journey_event TO carepath_recorder, carepath_projector, carepath_reader, carepath_console, carepath_watchdog;
