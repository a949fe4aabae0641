-- Keeps the next version of how a person is reached. False where there is that version already: somebody was faster; or
-- where somebody kept fifty within an hour, or all together five hundred: they try to bury what can be read. It is
-- counted by who gives it, so that one person keeps no other from changing it.
CREATE OR REPLACE FUNCTION record.keep_contact(
    _log_id smallint, _subject text, _version integer, _sealed bytea, _by text
) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, record, pg_temp AS $$
BEGIN
    PERFORM record.require_own(_by);
    INSERT INTO contact (log_id, subject, version, sealed, given_by)
    SELECT _log_id, _subject, _version, _sealed, _by
     WHERE _version = 1 + coalesce((SELECT max(version) FROM contact WHERE log_id = _log_id AND subject = _subject), 0)
       AND (SELECT count(*) < 500 AND count(*) FILTER (WHERE given_by = _by) < 50 FROM contact
             WHERE log_id = _log_id AND subject = _subject AND at > clock_timestamp() - interval '1 hour')
        ON CONFLICT DO NOTHING;
    RETURN FOUND;
END
$$;
REVOKE ALL ON FUNCTION record.keep_contact FROM PUBLIC;
GRANT EXECUTE ON FUNCTION record.keep_contact TO carepath_reader, carepath_console;
