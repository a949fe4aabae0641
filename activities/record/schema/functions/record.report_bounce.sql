-- Keeps that a message which was accepted at a point came back later, and queues its notice again: the next point is tried,
-- or a person sees to it. Nothing is queued where somebody said that they have it. Returns 'kept'; 'early' where it is not
-- yet known that it was accepted; and 'unknown' where there is none such, or it is kept already.
CREATE OR REPLACE FUNCTION record.report_bounce(_log_id smallint, _notice_id uuid, _point text, _code text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, record, pg_temp AS $$
DECLARE
    _last delivery;
    _alarm boolean;
BEGIN
    PERFORM record.require_own('');
    SELECT n.alarm INTO _alarm FROM notice n WHERE n.log_id = _log_id AND n.notice_id = _notice_id FOR UPDATE;
    SELECT d.* INTO _last FROM delivery d
     WHERE d.log_id = _log_id AND d.notice_id = _notice_id AND d.point = _point AND d.channel <> ''
     ORDER BY d.number DESC LIMIT 1;
    IF _last.state = 'sent' THEN
        RETURN 'early';
    END IF;
    IF _last.state IS DISTINCT FROM 'accepted' THEN
        RETURN 'unknown';
    END IF;
    INSERT INTO delivery (log_id, notice_id, person, point, channel, state, code)
    VALUES (_log_id, _notice_id, _last.person, _point, _last.channel, 'bounced', _code);
    IF NOT EXISTS (SELECT FROM delivery d WHERE d.log_id = _log_id AND d.notice_id = _notice_id
                      AND d.state IN ('acknowledged', 'handled')) THEN
        INSERT INTO queued_notice (log_id, notice_id, alarm) VALUES (_log_id, _notice_id, _alarm)
            ON CONFLICT (log_id, notice_id) DO UPDATE SET due_at = clock_timestamp();
    END IF;
    RETURN 'kept';
END
$$;
REVOKE ALL ON FUNCTION record.report_bounce FROM PUBLIC;
GRANT EXECUTE ON FUNCTION record.report_bounce TO carepath_reader, carepath_console;
