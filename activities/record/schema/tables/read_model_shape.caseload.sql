-- Where a journey stands. Its version is up to where all rows of that journey are true.
CREATE TABLE read_model_shape.caseload (
    journey_id   uuid        PRIMARY KEY,
    version      integer     NOT NULL,
    position     bigint      NOT NULL,
    recorded_at  timestamptz NOT NULL,
    clinic       text        NOT NULL,
    pathway      text        NOT NULL,
    stage        text        NOT NULL,
    step         text        NOT NULL,
    health       text        NOT NULL,
    outcome      text,
    held         boolean     NOT NULL,
    holds        text[]      NOT NULL,
    last_contact timestamptz,
    next_due     timestamptz,
    coordinator  text        NOT NULL,
    clinician    text        NOT NULL,
    illustrative boolean     NOT NULL,
    started_at   timestamptz NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX ON read_model_shape.caseload (started_at, journey_id);
