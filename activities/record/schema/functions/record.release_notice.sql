-- Releases somebody's claim of a notice that reached nobody, or anybody's with _of_anybody. False where there is none.
CREATE OR REPLACE FUNCTION record.release_notice(_log_id smallint, _notice_id uuid, _by text, _of_anybody boolean)
RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, record, pg_temp AS $$
BEGIN
    PERFORM record.require_own(_by);
    UPDATE queued_notice SET claimed_by = NULL, claimed_at = NULL
     WHERE log_id = _log_id AND notice_id = _notice_id AND NOT arrived
       AND (claimed_by = _by OR _of_anybody AND claimed_by IS NOT NULL);
    RETURN FOUND;
END
$$;
REVOKE ALL ON FUNCTION record.release_notice FROM PUBLIC;
GRANT EXECUTE ON FUNCTION record.release_notice TO carepath_reader, carepath_console;
