-- The builds of the read models. position is the checkpoint: every row of a generation, except those of
-- poisoned journeys, is the fold of the log up to exactly there. definition is the code's word for how.
CREATE TABLE read_model.generation (
    id         integer     GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    log_id     smallint    NOT NULL,
    definition integer     NOT NULL,
    position   bigint      NOT NULL DEFAULT 0,
    status     text        NOT NULL DEFAULT 'building' CHECK (status IN ('building', 'live', 'retired')),
    since      timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 50);
CREATE UNIQUE INDEX generation_one_live ON read_model.generation ((true)) WHERE status = 'live';
CREATE UNIQUE INDEX generation_one_building ON read_model.generation ((true)) WHERE status = 'building';
GRANT SELECT ON read_model.generation TO carepath_recorder, carepath_projector, carepath_reader, carepath_console, carepath_watchdog;
