-- Keeps that somebody has an alarm, by the link in their message, and takes the alarm off the queue: nobody else is paged
-- for it. False where the link does not count, or is of no alarm to staff.
CREATE OR REPLACE FUNCTION record.acknowledge_notice(_log_id smallint, _hash bytea) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, record, pg_temp AS $$
DECLARE
    _link link;
BEGIN
    SELECT l.* INTO _link FROM link l JOIN notice n USING (log_id, notice_id)
     WHERE l.log_id = _log_id AND l.hash = _hash AND n.alarm AND l.role NOT IN ('patient', 'observer');
    IF _link.hash IS NULL OR NOT use_link(_log_id, _hash) THEN
        RETURN false;
    END IF;
    INSERT INTO delivery (log_id, notice_id, person, point, channel, state)
    VALUES (_log_id, _link.notice_id, _link.person, _link.point, '', 'acknowledged');
    DELETE FROM queued_notice WHERE log_id = _log_id AND notice_id = _link.notice_id;
    RETURN true;
END
$$;
REVOKE ALL ON FUNCTION record.acknowledge_notice FROM PUBLIC;
GRANT EXECUTE ON FUNCTION record.acknowledge_notice TO carepath_console;
