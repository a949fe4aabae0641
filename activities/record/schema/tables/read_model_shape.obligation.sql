-- Everything that was ever awaited. Open ones are the worklist, those with a sign_off the requests for
-- signatures, and all of them together the service levels. asked has its owner and the roles it was escalated to. Of
-- an open request for a signature, signed_by has the roles that may sign, not_by people who may not, and delegates
-- those to whom the right is delegated, each until delegated_until.
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
    signed_by       text[]        NOT NULL DEFAULT '{}',
    not_by          text[]        NOT NULL DEFAULT '{}',
    delegates       text[]        NOT NULL DEFAULT '{}',
    delegated_until timestamptz[] NOT NULL DEFAULT '{}',
    PRIMARY KEY (journey_id, opened_version, obligation)
) WITH (fillfactor = 80);
-- The order of a worklist: for everybody, for a clinic, and for one person.
CREATE INDEX ON read_model_shape.obligation ((NOT held), due, journey_id, opened_version, obligation)
    WHERE closed_at IS NULL;
CREATE INDEX ON read_model_shape.obligation (clinic, (NOT held), due, journey_id, opened_version, obligation)
    WHERE closed_at IS NULL;
CREATE INDEX ON read_model_shape.obligation (person, (NOT held), due, journey_id, opened_version, obligation)
    WHERE closed_at IS NULL;
-- What waits for a signature, the one due first on top.
CREATE INDEX ON read_model_shape.obligation (due, journey_id, opened_version, obligation)
    WHERE sign_off IS NOT NULL AND closed_at IS NULL;
