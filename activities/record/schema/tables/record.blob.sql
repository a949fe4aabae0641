-- What is too large for Temporal's histories, named by its SHA-256: the state that one run hands to the next, above all.
-- Nothing here is the record: it can be made again from it, and goes when no run needs it (record.drop_blobs).
-- workflow_id says whose it is, and used_at when it was last handed over.
-- Each login keeps its own, so that none waits for another.
CREATE TABLE record.blob (
    digest      bytea       NOT NULL CHECK (digest = sha256(content)),
    content     bytea       NOT NULL,
    workflow_id text        NOT NULL,
    used_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    kept_by     text        NOT NULL DEFAULT session_user,
    PRIMARY KEY (digest, workflow_id, kept_by)
);
ALTER TABLE record.blob ALTER COLUMN content SET STORAGE EXTERNAL;
CREATE INDEX blob_used_at ON record.blob (used_at);
GRANT SELECT ON record.blob TO carepath_recorder, carepath_reader, carepath_console;
