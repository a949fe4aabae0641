-- Says when a notice is seen to again (in seconds from now; null: a person has to), and since when it need not arrive.
CREATE OR REPLACE FUNCTION record.put_off_notice(
    _log_id smallint, _notice_id uuid, _seconds float8, _quiet_until timestamptz, _arrived boolean
) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, record, pg_temp AS $$
    UPDATE queued_notice
       SET due_at = clock_timestamp() + make_interval(secs => _seconds), quiet_until = _quiet_until, arrived = _arrived
     WHERE log_id = _log_id AND notice_id = _notice_id
$$;
REVOKE ALL ON FUNCTION record.put_off_notice FROM PUBLIC;
GRANT EXECUTE ON FUNCTION record.put_off_notice TO carepath_recorder;
