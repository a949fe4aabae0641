-- Tells the medical directors of each clinic in which nobody saw in time to what reached nobody: in one message, and in no
-- other for four hours, however much it is. What is late by then is told in the next. A message that tells them so goes no
-- further: the watchdog pages it.
CREATE OR REPLACE FUNCTION record.escalate_notices(_log_id smallint) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, record, pg_temp AS $$
    WITH late AS (
        SELECT q.notice_id, n.clinic FROM queued_notice q JOIN notice n USING (log_id, notice_id)
         WHERE q.log_id = _log_id AND q.due_at IS NULL AND NOT q.arrived AND q.see_to_by <= clock_timestamp()
           AND q.escalated_at IS NULL AND n.kind <> 'undelivered'
           AND NOT EXISTS (SELECT FROM notice m
                            WHERE m.log_id = _log_id AND m.kind = 'undelivered' AND m.clinic = n.clinic
                              AND m.created_at > clock_timestamp() - interval '4 hours')
           FOR UPDATE OF q SKIP LOCKED),
    told AS (
        UPDATE queued_notice q SET escalated_at = clock_timestamp() FROM late l
         WHERE q.log_id = _log_id AND q.notice_id = l.notice_id
        RETURNING l.clinic),
    kept AS (
        INSERT INTO notice (log_id, notice_id, journey_id, event_id, kind, recipient_role, recipients, clinic, alarm)
        SELECT _log_id, gen_random_uuid(), '00000000-0000-0000-0000-000000000000', gen_random_uuid(), 'undelivered',
               'medical_director', '{}', t.clinic, false
          FROM (SELECT DISTINCT clinic FROM told) t
        RETURNING notice_id)
    INSERT INTO queued_notice (log_id, notice_id, alarm) SELECT _log_id, notice_id, false FROM kept
$$;
REVOKE ALL ON FUNCTION record.escalate_notices FROM PUBLIC;
GRANT EXECUTE ON FUNCTION record.escalate_notices TO carepath_recorder;
