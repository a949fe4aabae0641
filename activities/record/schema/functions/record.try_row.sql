-- As lock_row, without waiting: false when another transaction holds it.
CREATE OR REPLACE FUNCTION record.try_row(_log_id smallint, _name text) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, record, pg_temp AS $$
BEGIN
    INSERT INTO lock (log_id, name) VALUES (_log_id, _name) ON CONFLICT DO NOTHING;
    PERFORM FROM lock WHERE log_id = _log_id AND name = _name FOR UPDATE SKIP LOCKED;
    RETURN FOUND;
END
$$;
REVOKE ALL ON FUNCTION record.try_row(smallint, text) FROM PUBLIC;
