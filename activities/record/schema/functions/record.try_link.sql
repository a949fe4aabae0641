-- Counts a try at a link, before its code is looked at. False where it may not be tried any more.
CREATE OR REPLACE FUNCTION record.try_link(_log_id smallint, _hash bytea) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, record, pg_temp AS $$
BEGIN
    PERFORM lock_links(_log_id, _hash);
    UPDATE link l SET tries = tries + 1 WHERE log_id = _log_id AND hash = _hash AND link_state(l) = 'open';
    RETURN FOUND;
END
$$;
REVOKE ALL ON FUNCTION record.try_link FROM PUBLIC;
GRANT EXECUTE ON FUNCTION record.try_link TO carepath_console;
