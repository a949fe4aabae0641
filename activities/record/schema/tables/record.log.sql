-- The logs of this database. The name of one is made with it and never changes: it stands in what people sign, so that
-- nothing that was signed for one log counts in another.
CREATE TABLE record.log (
    log_id   smallint    PRIMARY KEY,
    name     uuid        NOT NULL UNIQUE DEFAULT gen_random_uuid(),
    made_at  timestamptz NOT NULL DEFAULT now()
);
INSERT INTO record.log (log_id) VALUES (1);
GRANT SELECT ON record.log TO carepath_recorder, carepath_reader;
