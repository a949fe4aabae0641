-- Queues a message with a link for a patient or an observer, about no event: one of the staff asks for it. Where somebody
-- tried too many codes, earlier links end by it, and with them their tries: whoever guesses keeps nobody out for longer.
CREATE OR REPLACE FUNCTION record.send_link(
    _log_id smallint, _journey_id uuid, _role text, _person text, _clinic text, _by text
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, record, pg_temp AS $$
DECLARE
    _notice_id uuid := gen_random_uuid();
BEGIN
    PERFORM record.require_own(_by);
    UPDATE link l SET until = clock_timestamp()
     WHERE log_id = _log_id AND journey_id = _journey_id AND person = _person AND link_state(l) IN ('shut', 'locked');
    PERFORM supersede_notices(_log_id, 'link', _journey_id, ARRAY[_person], _by);
    INSERT INTO notice (log_id, notice_id, journey_id, event_id, kind, recipient_role, recipients, clinic, alarm)
    VALUES (_log_id, _notice_id, _journey_id, _notice_id, 'link', _role, ARRAY[_person], _clinic, false);
    INSERT INTO queued_notice (log_id, notice_id, alarm) VALUES (_log_id, _notice_id, false);
END
$$;
REVOKE ALL ON FUNCTION record.send_link FROM PUBLIC;
GRANT EXECUTE ON FUNCTION record.send_link TO carepath_reader, carepath_console;
