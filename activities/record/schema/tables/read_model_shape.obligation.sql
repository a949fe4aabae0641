-- Everything that was ever awaited. Open ones are the worklist, those with a sign_off the requests for
-- signatures, and all of them together the service levels. asked has its owner and the roles it was escalated to.
CREATE TABLE read_model_shape.obligation (
    journey_id     uuid        NOT NULL,
    opened_version integer     NOT NULL,
    obligation     text        NOT NULL,
    clinic         text        NOT NULL,
    illustrative   boolean     NOT NULL,
    held           boolean     NOT NULL,
    kind           text        NOT NULL,
    subject        text,
    owner          text        NOT NULL,
    person         text,
    what           text        NOT NULL,
    since          timestamptz NOT NULL,
    due            timestamptz NOT NULL,
    sign_off       text,
    evidence       text,
    asked          text[]      NOT NULL,
    next_step      timestamptz,
    next_action    text,
    next_to        text,
    next_holds     boolean,
    why            text,
    decision       text,
    choice         text,
    decided_by     text,
    decided_role   text,
    decided_name   text,
    decided_at     timestamptz,
    closed_version integer,
    closed_at      timestamptz,
    because        text,
    PRIMARY KEY (journey_id, opened_version, obligation)
) WITH (fillfactor = 80);
-- The order of a worklist: for everybody, for a clinic, and for one person.
CREATE INDEX ON read_model_shape.obligation ((NOT held), due, journey_id, opened_version, obligation)
    WHERE closed_at IS NULL;
CREATE INDEX ON read_model_shape.obligation (clinic, (NOT held), due, journey_id, opened_version, obligation)
    WHERE closed_at IS NULL;
CREATE INDEX ON read_model_shape.obligation (person, (NOT held), due, journey_id, opened_version, obligation)
    WHERE closed_at IS NULL;
CREATE INDEX ON read_model_shape.obligation (since, journey_id, opened_version, obligation)
    WHERE sign_off IS NOT NULL;
