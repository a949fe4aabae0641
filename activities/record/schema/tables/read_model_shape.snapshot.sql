-- Folded states, so that a journey need not be folded from its first event each time it goes on. A cache: a state is used
-- only where the journey has this hash at this version, and by the code that made it, and may be deleted at any time.
CREATE TABLE read_model_shape.snapshot (
    journey_id   uuid    PRIMARY KEY,
    version      integer NOT NULL,
    journey_hash bytea   NOT NULL,
    made_by      bytea   NOT NULL,
    state        bytea   NOT NULL
) WITH (fillfactor = 80);
ALTER TABLE read_model_shape.snapshot ALTER COLUMN state SET STORAGE EXTERNAL;
