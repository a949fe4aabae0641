-- The rows that writers lock, so that they take turns. Anybody who can connect can hold an advisory lock for as long as
-- they like; these rows are locked by functions only, each by those who may call it.
CREATE TABLE record.lock (
    log_id smallint NOT NULL,
    name   text     NOT NULL CHECK (name IN ('append', 'enrol', 'reconcile', 'rebuild', 'seal')),
    PRIMARY KEY (log_id, name)
);
INSERT INTO record.lock (log_id, name)
SELECT 1, name FROM unnest(ARRAY['append', 'enrol', 'reconcile', 'rebuild', 'seal']) AS name;
