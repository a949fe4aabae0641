-- Keeps that somebody will see to a notice that reached nobody, and says who will: this one, or whoever said so before. Null
-- where there is none such.
CREATE OR REPLACE FUNCTION record.claim_notice(_log_id smallint, _notice_id uuid, _by text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, record, pg_temp AS $$
DECLARE
    _claimed_by text;
BEGIN
    PERFORM record.require_own(_by);
    UPDATE queued_notice
       SET claimed_by = coalesce(claimed_by, _by), claimed_at = coalesce(claimed_at, clock_timestamp())
     WHERE log_id = _log_id AND notice_id = _notice_id AND due_at IS NULL AND NOT arrived
    RETURNING claimed_by INTO _claimed_by;
    RETURN _claimed_by;
END
$$;
REVOKE ALL ON FUNCTION record.claim_notice FROM PUBLIC;
GRANT EXECUTE ON FUNCTION record.claim_notice TO carepath_reader, carepath_console;
