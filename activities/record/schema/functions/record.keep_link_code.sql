-- Keeps the slow hash of the code that is about to be sent for a link; earlier ones count no more.
CREATE OR REPLACE FUNCTION record.keep_link_code(_log_id smallint, _link_id uuid, _code bytea, _seconds float8)
RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, record, pg_temp AS $$
    UPDATE link SET code = _code, code_until = clock_timestamp() + make_interval(secs => _seconds)
     WHERE log_id = _log_id AND link_id = _link_id AND used_at IS NULL
$$;
REVOKE ALL ON FUNCTION record.keep_link_code FROM PUBLIC;
GRANT EXECUTE ON FUNCTION record.keep_link_code TO carepath_recorder;
