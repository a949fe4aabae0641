-- Says when a notice is seen to again (in seconds from now; null: a person has to, an alarm within a quarter of an hour, any
-- other within four hours of the first time that nobody was reached), and since when it need not arrive. It is at once where more became of it than the facts that are known to whoever asks (_known; null: whatever became of it): what
-- was accepted may have come back, and does not wait until somebody else is tried again.
CREATE OR REPLACE FUNCTION record.put_off_notice(
    _log_id smallint, _notice_id uuid, _seconds float8, _quiet_until timestamptz, _arrived boolean,
    _known integer DEFAULT NULL
) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, record, pg_temp AS $$
    SELECT FROM notice n WHERE n.log_id = _log_id AND n.notice_id = _notice_id FOR UPDATE;
    UPDATE queued_notice
       SET due_at = clock_timestamp() + make_interval(secs => CASE
               WHEN _known < (SELECT count(*) FROM delivery d WHERE d.log_id = _log_id AND d.notice_id = _notice_id) THEN 0
               ELSE _seconds
           END),
           quiet_until = _quiet_until, arrived = _arrived,
           see_to_by = CASE WHEN _seconds IS NULL THEN coalesce(see_to_by, clock_timestamp() + CASE
               WHEN alarm THEN interval '15 minutes' ELSE interval '4 hours'
           END) ELSE see_to_by END
     WHERE log_id = _log_id AND notice_id = _notice_id
$$;
REVOKE ALL ON FUNCTION record.put_off_notice FROM PUBLIC;
GRANT EXECUTE ON FUNCTION record.put_off_notice TO carepath_recorder;
