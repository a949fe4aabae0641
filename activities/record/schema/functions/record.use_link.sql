-- Uses a link up, and with it every other one for the same person in the same notice. False where it was used before.
CREATE OR REPLACE FUNCTION record.use_link(_log_id smallint, _hash bytea) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, record, pg_temp AS $$
DECLARE
    _used link;
BEGIN
    PERFORM lock_links(_log_id, _hash);
    UPDATE link SET used_at = clock_timestamp()
     WHERE log_id = _log_id AND hash = _hash AND used_at IS NULL AND until > clock_timestamp()
    RETURNING * INTO _used;
    IF _used.hash IS NULL THEN
        RETURN false;
    END IF;
    UPDATE link SET used_at = clock_timestamp()
     WHERE log_id = _log_id AND notice_id = _used.notice_id AND journey_id = _used.journey_id AND person = _used.person
       AND used_at IS NULL;
    RETURN true;
END
$$;
REVOKE ALL ON FUNCTION record.use_link FROM PUBLIC;
GRANT EXECUTE ON FUNCTION record.use_link TO carepath_console;
