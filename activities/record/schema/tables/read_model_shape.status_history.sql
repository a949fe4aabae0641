-- How a journey stood from one position and time until, and without, another. Nothing in to_*: until now.
CREATE TABLE read_model_shape.status_history (
    journey_id    uuid        NOT NULL,
    from_position bigint      NOT NULL,
    from_version  integer     NOT NULL,
    from_at       timestamptz NOT NULL,
    to_position   bigint,
    to_at         timestamptz,
    stage         text        NOT NULL,
    health        text        NOT NULL,
    outcome       text,
    held          boolean     NOT NULL,
    coordinator   text        NOT NULL,
    clinician     text        NOT NULL,
    PRIMARY KEY (journey_id, from_position)
);
