-- Queues a message with the code of a contact point. The code is in the contact, which is encrypted. Of one of the staff it
-- is of no journey. Its id is a random one: those of the service's own notices are not, so none is taken before it leaves.
-- Error: CP003 it is no random one.
CREATE OR REPLACE FUNCTION record.ask_code(
    _log_id smallint, _notice_id uuid, _journey_id uuid, _role text, _person text, _point text, _clinic text, _by text
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, record, pg_temp AS $$
BEGIN
    PERFORM record.require_own(_by);
    IF substr(_notice_id::text, 15, 1) <> '4' THEN
        RAISE EXCEPTION 'the id of a code is a random one' USING ERRCODE = 'CP003';
    END IF;
    PERFORM supersede_notices(_log_id, 'contact_code', _journey_id, ARRAY[_person, _point], _by);
    INSERT INTO notice (log_id, notice_id, journey_id, event_id, kind, recipient_role, recipients, clinic, alarm)
    VALUES (_log_id, _notice_id, _journey_id, _notice_id, 'contact_code', _role, ARRAY[_person, _point], _clinic, false);
    INSERT INTO queued_notice (log_id, notice_id, alarm) VALUES (_log_id, _notice_id, false);
END
$$;
REVOKE ALL ON FUNCTION record.ask_code FROM PUBLIC;
GRANT EXECUTE ON FUNCTION record.ask_code TO carepath_reader, carepath_console;
