-- Whom each open obligation was asked of: a row for each role, with what a worklist is ordered and chosen by, since
-- no index of a list of roles has an order.
CREATE TABLE read_model_shape.audience (
    journey_id     uuid        NOT NULL,
    opened_version integer     NOT NULL,
    obligation     text        NOT NULL,
    role           text        NOT NULL,
    clinic         text        NOT NULL,
    held           boolean     NOT NULL,
    due            timestamptz NOT NULL,
    person         text,
    PRIMARY KEY (journey_id, opened_version, obligation, role)
) WITH (fillfactor = 80);
CREATE INDEX ON read_model_shape.audience (role, (NOT held), due, journey_id, opened_version, obligation);
CREATE INDEX ON read_model_shape.audience (clinic, role, (NOT held), due, journey_id, opened_version, obligation);
