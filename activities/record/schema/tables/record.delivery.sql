-- What became of a notice, one fact a row. Person and point are empty where a fact is about nobody alone. A point is
-- named by an opaque id: its address is in the contact, which is encrypted.
CREATE TABLE record.delivery (
    log_id    smallint    NOT NULL,
    number    bigint      GENERATED ALWAYS AS IDENTITY,
    notice_id uuid        NOT NULL,
    person    text        NOT NULL CHECK (octet_length(person) <= 200),
    point     text        NOT NULL,
    channel   text        NOT NULL,
    state     text        NOT NULL CHECK (state IN ('sent', 'accepted', 'deferred', 'bounced', 'failed', 'muted',
                                                    'requeued', 'acknowledged', 'handled')),
    code      text,
    at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (log_id, number)
);
CREATE INDEX delivery_notice ON record.delivery (log_id, notice_id, number);
GRANT SELECT ON record.delivery TO carepath_recorder, carepath_reader, carepath_console, carepath_watchdog;
