-- What the watchdog found and has not seen mended: its kind, which one it is, what of it may be shown, and when it was
-- last paged and how often. Nobody but the watchdog writes here, so that nobody who stops care can also say that it was
-- told.
CREATE TABLE watch.matter (
    log_id   smallint    NOT NULL,
    kind     text        NOT NULL,
    name     text        NOT NULL,
    shown    jsonb       NOT NULL,
    since    timestamptz NOT NULL DEFAULT clock_timestamp(),
    paged_at timestamptz,
    times    integer     NOT NULL DEFAULT 0,
    PRIMARY KEY (log_id, kind, name)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON watch.matter TO carepath_watchdog;
GRANT SELECT ON watch.matter TO carepath_console;
