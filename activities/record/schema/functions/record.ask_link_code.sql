-- Queues a message with a code for a link, to another point of its person. False where one was sent in the last half
-- minute, or five were.
CREATE OR REPLACE FUNCTION record.ask_link_code(_log_id smallint, _hash bytea, _point text)
RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, record, pg_temp AS $$
DECLARE
    _notice_id uuid := gen_random_uuid();
BEGIN
    UPDATE link l SET codes = codes + 1, asked_at = clock_timestamp()
     WHERE log_id = _log_id AND hash = _hash AND link_state(l) = 'open' AND codes < 5
       AND (asked_at IS NULL OR asked_at < clock_timestamp() - interval '30 seconds');
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    PERFORM supersede_notices(_log_id, 'link_code', l.journey_id, ARRAY[l.person, _point], '')
       FROM link l WHERE l.log_id = _log_id AND l.hash = _hash;
    INSERT INTO notice (log_id, notice_id, journey_id, event_id, kind, recipient_role, recipients, clinic, alarm)
    SELECT _log_id, _notice_id, l.journey_id, l.link_id, 'link_code', l.role, ARRAY[l.person, _point], n.clinic, false
      FROM link l JOIN notice n USING (log_id, notice_id) WHERE l.log_id = _log_id AND l.hash = _hash;
    INSERT INTO queued_notice (log_id, notice_id, alarm) VALUES (_log_id, _notice_id, false);
    RETURN true;
END
$$;
REVOKE ALL ON FUNCTION record.ask_link_code FROM PUBLIC;
GRANT EXECUTE ON FUNCTION record.ask_link_code TO carepath_console;
