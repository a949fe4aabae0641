-- Notes that a register is used, if it is newer than every one before, and returns the newest one.
CREATE OR REPLACE FUNCTION record.see_register(_log_id smallint, _version integer, _content_hash bytea)
RETURNS TABLE (version integer, content_hash bytea)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, record, pg_temp AS $$
#variable_conflict use_column
BEGIN
    INSERT INTO register (log_id, version, content_hash)
    SELECT _log_id, _version, _content_hash
    WHERE NOT EXISTS (SELECT FROM register WHERE log_id = _log_id AND version >= _version)
    ON CONFLICT DO NOTHING;
    RETURN QUERY
        SELECT version, content_hash FROM register WHERE log_id = _log_id ORDER BY version DESC LIMIT 1;
END
$$;
REVOKE ALL ON FUNCTION record.see_register FROM PUBLIC;
GRANT EXECUTE ON FUNCTION record.see_register TO carepath_recorder;
