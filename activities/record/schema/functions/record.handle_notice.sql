-- Keeps that somebody saw to a notice that reached nobody, and takes it off the queue. False where there is none such.
CREATE OR REPLACE FUNCTION record.handle_notice(_log_id smallint, _notice_id uuid, _by text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, record, pg_temp AS $$
BEGIN
    PERFORM record.require_own(_by);
    DELETE FROM queued_notice
     WHERE log_id = _log_id AND notice_id = _notice_id AND due_at IS NULL AND NOT arrived;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    INSERT INTO delivery (log_id, notice_id, person, point, channel, state)
    VALUES (_log_id, _notice_id, _by, '', '', 'handled');
    RETURN true;
END
$$;
REVOKE ALL ON FUNCTION record.handle_notice FROM PUBLIC;
GRANT EXECUTE ON FUNCTION record.handle_notice TO carepath_reader, carepath_console;
