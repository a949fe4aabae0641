-- Journeys with an event that could not be applied, and from which version on. Their rows stay as they were.
CREATE TABLE read_model_shape.poisoned (
    journey_id uuid        PRIMARY KEY,
    version    integer     NOT NULL,
    position   bigint      NOT NULL,
    code       text        NOT NULL,
    attempts   integer     NOT NULL DEFAULT 1,
    at         timestamptz NOT NULL DEFAULT clock_timestamp()
);
