-- Takes a notice off the queue once somebody was reached with it: whoever asks has kept that as a fact. It stays where
-- more became of it than the facts that are known to whoever asks (_known; null: whatever became of it): what was
-- accepted may have come back.
CREATE OR REPLACE FUNCTION record.end_notice(_log_id smallint, _notice_id uuid, _known integer DEFAULT NULL)
RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, record, pg_temp AS $$
BEGIN
    PERFORM FROM notice n WHERE n.log_id = _log_id AND n.notice_id = _notice_id FOR UPDATE;
    DELETE FROM queued_notice
     WHERE log_id = _log_id AND notice_id = _notice_id
       AND (_known IS NULL OR _known = (SELECT count(*) FROM delivery d
                                         WHERE d.log_id = _log_id AND d.notice_id = _notice_id))
       AND EXISTS (SELECT FROM delivery d
                    WHERE d.log_id = _log_id AND d.notice_id = _notice_id
                      AND d.state IN ('accepted', 'muted', 'acknowledged', 'handled'));
    RETURN FOUND;
END
$$;
REVOKE ALL ON FUNCTION record.end_notice FROM PUBLIC;
GRANT EXECUTE ON FUNCTION record.end_notice TO carepath_recorder;
