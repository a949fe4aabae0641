-- Has a notice that reached nobody tried again now, and keeps which person wants it; none is named where it is time for it.
-- False where there is none such.
CREATE OR REPLACE FUNCTION record.requeue_notice(_log_id smallint, _notice_id uuid, _by text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, record, pg_temp AS $$
BEGIN
    PERFORM record.require_own(_by);
    UPDATE queued_notice SET due_at = clock_timestamp()
     WHERE log_id = _log_id AND notice_id = _notice_id AND due_at IS NULL AND NOT arrived;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    IF _by <> '' THEN
        INSERT INTO delivery (log_id, notice_id, person, point, channel, state)
        VALUES (_log_id, _notice_id, _by, '', '', 'requeued');
    END IF;
    RETURN true;
END
$$;
REVOKE ALL ON FUNCTION record.requeue_notice FROM PUBLIC;
GRANT EXECUTE ON FUNCTION record.requeue_notice TO carepath_recorder, carepath_reader, carepath_console;
