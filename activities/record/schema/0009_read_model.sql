-- What people work from: folds of the record, in tables that can be thrown away and built again at any time.
-- A generation is one build of all of them, in a schema of its own (read_model_1, read_model_2, …), made in
-- the shape below. Whoever reads does so through the views in read_model, which show the live generation.
CREATE SCHEMA read_model;
CREATE SCHEMA read_model_shape;
GRANT USAGE ON SCHEMA read_model TO carepath_app;

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

-- Everything that was ever awaited. Open ones are the worklist, those with a sign_off the requests for
-- signatures, and all of them together the service levels.
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
-- The order of a worklist, for everybody, for a role in a clinic, and for one person.
CREATE INDEX ON read_model_shape.obligation ((NOT held), due, journey_id, opened_version, obligation)
    WHERE closed_at IS NULL;
CREATE INDEX ON read_model_shape.obligation (clinic, owner, (NOT held), due, journey_id, opened_version, obligation)
    WHERE closed_at IS NULL;
CREATE INDEX ON read_model_shape.obligation (person, (NOT held), due, journey_id, opened_version, obligation)
    WHERE closed_at IS NULL;
CREATE INDEX ON read_model_shape.obligation (since, journey_id, opened_version, obligation)
    WHERE sign_off IS NOT NULL;

-- How a journey stood from one position and time until, and without, another. Nothing in to_*: until now.
CREATE TABLE read_model_shape.stay (
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

-- What is listed within a journey, by the name of its model: timeline, session, score, adverse_event.
CREATE TABLE read_model_shape.entry (
    journey_id uuid        NOT NULL,
    model      text        NOT NULL,
    key        text        NOT NULL,
    at         timestamptz NOT NULL,
    body       jsonb       NOT NULL,
    PRIMARY KEY (journey_id, model, key)
);
CREATE INDEX ON read_model_shape.entry (model, at, journey_id, key);

-- Journeys with an event that could not be applied, and from which version on. Their rows stay as they were.
CREATE TABLE read_model_shape.parked (
    journey_id uuid        PRIMARY KEY,
    version    integer     NOT NULL,
    position   bigint      NOT NULL,
    code       text        NOT NULL,
    attempts   integer     NOT NULL DEFAULT 1,
    at         timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Who said they will see to something. Not a fact of care, so it is no event and outlives every generation;
-- the version in its key ties it to one opening, so it never passes to the next under the same name.
CREATE TABLE read_model.claim (
    journey_id     uuid        NOT NULL,
    opened_version integer     NOT NULL,
    obligation     text        NOT NULL,
    claimed_by     text        NOT NULL,
    claimed_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (journey_id, opened_version, obligation)
);
CREATE INDEX ON read_model.claim (claimed_by);
GRANT SELECT, INSERT, DELETE ON read_model.claim TO carepath_app;
