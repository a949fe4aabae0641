-- Queues a message with a new link in the place of one that is used or over, to the same person about the same. False where
-- one was asked for in the last two minutes, or ten were in a day, or where a new one would be shut, too, or 30 days after
-- the first message about it: whoever has an old message cannot renew it for ever.
CREATE OR REPLACE FUNCTION record.renew_link(_log_id smallint, _hash bytea) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, record, pg_temp AS $$
DECLARE
    _notice_id uuid := gen_random_uuid();
    _old link;
BEGIN
    SELECT * INTO _old FROM link WHERE log_id = _log_id AND hash = _hash FOR UPDATE;
    IF _old.hash IS NULL OR _old.role NOT IN ('patient', 'observer') OR link_state(_old) = 'shut' OR EXISTS (
        SELECT FROM notice a JOIN notice b USING (log_id, journey_id, event_id)
         WHERE log_id = _log_id AND a.notice_id = _old.notice_id AND b.journey_id = _old.journey_id
           AND b.created_at < clock_timestamp() - interval '30 days')
    OR EXISTS (
        SELECT FROM notice WHERE log_id = _log_id AND journey_id = _old.journey_id AND kind = 'link'
           AND recipients = ARRAY[_old.person]
           AND created_at > clock_timestamp() - interval '1 day'
        HAVING count(*) >= 10 OR max(created_at) > clock_timestamp() - interval '2 minutes')
    THEN
        RETURN false;
    END IF;
    PERFORM supersede_notices(_log_id, 'link', _old.journey_id, ARRAY[_old.person], '');
    INSERT INTO notice (log_id, notice_id, journey_id, event_id, kind, recipient_role, recipients, clinic, alarm)
    SELECT _log_id, _notice_id, journey_id, event_id, 'link', recipient_role, ARRAY[_old.person], clinic, false
      FROM notice WHERE log_id = _log_id AND notice_id = _old.notice_id;
    INSERT INTO queued_notice (log_id, notice_id, alarm) VALUES (_log_id, _notice_id, false);
    RETURN true;
END
$$;
REVOKE ALL ON FUNCTION record.renew_link FROM PUBLIC;
GRANT EXECUTE ON FUNCTION record.renew_link TO carepath_console;
