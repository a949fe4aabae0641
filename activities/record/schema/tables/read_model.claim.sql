-- Who said they will see to something. Not a fact of care, so it is no event and outlives every generation;
-- the version in its key ties it to one opening, so it never passes to the next under the same name.
CREATE TABLE read_model.claim (
    journey_id     uuid        NOT NULL,
    opened_version integer     NOT NULL,
    obligation     text        NOT NULL,
    claimed_by     text        NOT NULL CHECK (octet_length(claimed_by) <= 200),
    claimed_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (journey_id, opened_version, obligation)
);
CREATE INDEX ON read_model.claim (claimed_by);
GRANT SELECT ON read_model.claim TO carepath_reader, carepath_console;
