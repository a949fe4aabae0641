-- Keeps notices, given as an array of objects, queues them, and returns the ids of those that were not kept before.
-- Written in the order of their ids, so that two deliveries of the same ones never wait for each other.
CREATE OR REPLACE FUNCTION record.deliver_notices(_log_id smallint, _notices jsonb) RETURNS SETOF uuid
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, record, pg_temp AS $$
    WITH kept AS (
        INSERT INTO notice (log_id, notice_id, journey_id, event_id, kind, recipient_role, recipients, clinic, alarm)
        SELECT _log_id, n.notice_id, n.journey_id, n.event_id, n.kind, n.recipient_role, n.recipients, n.clinic, n.alarm
          FROM jsonb_to_recordset(_notices) AS n (
               notice_id uuid, journey_id uuid, event_id uuid, kind text, recipient_role text, recipients text[],
               clinic text, alarm boolean)
         ORDER BY n.notice_id
            ON CONFLICT (log_id, notice_id) DO NOTHING
        RETURNING notice_id, alarm)
    INSERT INTO queued_notice (log_id, notice_id, alarm) SELECT _log_id, notice_id, alarm FROM kept
    RETURNING notice_id
$$;
REVOKE ALL ON FUNCTION record.deliver_notices FROM PUBLIC;
GRANT EXECUTE ON FUNCTION record.deliver_notices TO carepath_recorder;
