-- True when this notice is new, false when it was delivered before.
CREATE OR REPLACE FUNCTION record.deliver_notice(
    _log_id smallint, _notice_id uuid, _journey_id uuid, _event_id uuid, _kind text, _recipient_role text,
    _recipients text[]
) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, record, pg_temp AS $$
BEGIN
    INSERT INTO notice (log_id, notice_id, journey_id, event_id, kind, recipient_role, recipients)
    VALUES (_log_id, _notice_id, _journey_id, _event_id, _kind, _recipient_role, _recipients)
    ON CONFLICT (log_id, notice_id) DO NOTHING;
    RETURN FOUND;
END
$$;
REVOKE ALL ON FUNCTION record.deliver_notice FROM PUBLIC;
GRANT EXECUTE ON FUNCTION record.deliver_notice TO carepath_app;
