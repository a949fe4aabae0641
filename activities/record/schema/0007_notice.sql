-- Notices delivered to people. No foreign key to the event: a safety alarm leaves before its event is recorded.
CREATE TABLE record.notice (
    log_id         smallint    NOT NULL,
    notice_id      uuid        NOT NULL,
    journey_id     uuid        NOT NULL,
    event_id       uuid        NOT NULL,
    kind           text        NOT NULL,
    recipient_role text        NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (log_id, notice_id)
);

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON record.notice
    FOR EACH STATEMENT EXECUTE FUNCTION record.refuse_change();
ALTER TABLE record.notice ENABLE ALWAYS TRIGGER append_only;

GRANT SELECT ON record.notice TO carepath_app;

-- True when this notice is new, false when it was delivered before.
CREATE FUNCTION record.deliver_notice(
    _log_id smallint, _notice_id uuid, _journey_id uuid, _event_id uuid, _kind text, _recipient_role text
) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, record, pg_temp AS $$
BEGIN
    INSERT INTO notice (log_id, notice_id, journey_id, event_id, kind, recipient_role)
    VALUES (_log_id, _notice_id, _journey_id, _event_id, _kind, _recipient_role)
    ON CONFLICT (log_id, notice_id) DO NOTHING;
    RETURN FOUND;
END
$$;
REVOKE ALL ON FUNCTION record.deliver_notice FROM PUBLIC;
GRANT EXECUTE ON FUNCTION record.deliver_notice TO carepath_app;
