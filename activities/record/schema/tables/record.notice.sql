-- What people are to be told: each notice once, whose task it is, and which one. No foreign key to the event: a safety
-- alarm leaves before its event is recorded.
CREATE TABLE record.notice (
    log_id         smallint    NOT NULL,
    notice_id      uuid        NOT NULL,
    journey_id     uuid        NOT NULL,
    event_id       uuid        NOT NULL,
    kind           text        NOT NULL,
    recipient_role text        NOT NULL,
    recipients     text[]      NOT NULL,
    clinic         text        NOT NULL,
    alarm          boolean     NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (log_id, notice_id),
    -- Any login may ask for a message: what nobody could send or list is refused.
    CONSTRAINT notice_words CHECK (
        octet_length(kind) <= 200 AND octet_length(recipient_role) <= 200 AND octet_length(clinic) <= 200
        AND coalesce(array_ndims(recipients), 1) = 1 AND array_position(recipients, NULL) IS NULL
        AND octet_length(recipients::text) <= 65536)
);
CREATE INDEX notice_journey ON record.notice (log_id, journey_id);
CREATE INDEX notice_newest ON record.notice (log_id, created_at DESC, notice_id);
GRANT SELECT ON record.notice TO carepath_recorder, carepath_reader, carepath_console, carepath_watchdog;
