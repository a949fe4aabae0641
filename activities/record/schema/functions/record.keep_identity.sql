-- Keeps by which secret a log tells patients apart, once.
CREATE OR REPLACE FUNCTION record.keep_identity(_log_id smallint, _mark bytea) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, record, pg_temp AS $$
    INSERT INTO identity (log_id, mark) VALUES (_log_id, _mark) ON CONFLICT DO NOTHING
$$;
REVOKE ALL ON FUNCTION record.keep_identity FROM PUBLIC;
GRANT EXECUTE ON FUNCTION record.keep_identity TO carepath_recorder;
