-- The notices that are still to be seen to. Whoever delivers takes one until due_at; without due_at nothing more is
-- tried, and a person has to: until see_to_by, then their medical director is told too (escalated_at). claimed_by said
-- that they will. quiet_until: before that the person is not to be disturbed. arrived: somebody was reached, and others
-- are told later.
CREATE TABLE record.queued_notice (
    log_id       smallint    NOT NULL,
    notice_id    uuid        NOT NULL,
    alarm        boolean     NOT NULL,
    queued_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    due_at       timestamptz DEFAULT clock_timestamp(),
    quiet_until  timestamptz,
    arrived      boolean     NOT NULL DEFAULT false,
    see_to_by    timestamptz,
    claimed_by   text        CHECK (octet_length(claimed_by) <= 200),
    claimed_at   timestamptz,
    escalated_at timestamptz,
    PRIMARY KEY (log_id, notice_id)
) WITH (fillfactor = 50);
CREATE INDEX queued_notice_due ON record.queued_notice (log_id, alarm, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX queued_notice_waiting ON record.queued_notice (log_id, see_to_by) WHERE due_at IS NULL AND NOT arrived;
GRANT SELECT ON record.queued_notice TO carepath_recorder, carepath_reader, carepath_console, carepath_watchdog;
