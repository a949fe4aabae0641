-- Takes the alarms, or the other notices, whose time has come, for so many seconds. If nothing is kept of them until
-- then, because whoever took them has died, they are taken again.
CREATE OR REPLACE FUNCTION record.take_notices(_log_id smallint, _alarm boolean, _most integer, _seconds float8)
RETURNS SETOF uuid
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, record, pg_temp AS $$
    UPDATE queued_notice SET due_at = clock_timestamp() + make_interval(secs => _seconds)
     WHERE log_id = _log_id AND notice_id IN (
           SELECT notice_id FROM queued_notice
            WHERE log_id = _log_id AND alarm = _alarm AND due_at <= clock_timestamp()
            ORDER BY due_at LIMIT _most FOR UPDATE SKIP LOCKED)
    RETURNING notice_id
$$;
REVOKE ALL ON FUNCTION record.take_notices FROM PUBLIC;
GRANT EXECUTE ON FUNCTION record.take_notices TO carepath_recorder;
