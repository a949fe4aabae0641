-- The logs of this database. The name of one is made with it and never changes: it stands in what people sign, so that
-- nothing that was signed for one log counts in another. Neither does whether it is of a demonstration, where people and
-- protocols may be invented.
CREATE TABLE record.log (
    log_id        smallint    PRIMARY KEY,
    name          uuid        NOT NULL UNIQUE DEFAULT gen_random_uuid(),
    demonstration boolean     NOT NULL,
    made_at       timestamptz NOT NULL DEFAULT now()
);
GRANT SELECT ON record.log TO carepath_recorder, carepath_reader, carepath_console;
