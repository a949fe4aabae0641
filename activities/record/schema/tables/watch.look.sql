-- That the watchdog lives: when it last looked at everything, of which build it is, since when its pages do not arrive
-- (null: they do), and up to which position it has asked whether each notice left.
CREATE TABLE watch.look (
    log_id     smallint    PRIMARY KEY,
    looked_at  timestamptz,
    build      text        NOT NULL DEFAULT 'unversioned' CHECK (octet_length(build) <= 200),
    mute_since timestamptz,
    position   bigint      NOT NULL DEFAULT 0
) WITH (fillfactor = 50);
GRANT SELECT, INSERT, UPDATE ON watch.look TO carepath_watchdog;
GRANT SELECT ON watch.look TO carepath_recorder, carepath_reader, carepath_console;
