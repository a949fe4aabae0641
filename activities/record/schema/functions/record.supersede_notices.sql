-- Takes off the queue what reached nobody and is asked for anew: nobody has to see to the earlier one any more. _by is who of
-- the staff asked, or empty where the person themself did.
CREATE OR REPLACE FUNCTION record.supersede_notices(
    _log_id smallint, _kind text, _journey_id uuid, _recipients text[], _by text
) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, record, pg_temp AS $$
    WITH gone AS (
        DELETE FROM queued_notice q USING notice n
         WHERE q.log_id = _log_id AND n.log_id = _log_id AND n.notice_id = q.notice_id AND q.due_at IS NULL
           AND NOT q.arrived AND n.kind = _kind AND n.journey_id = _journey_id AND n.recipients = _recipients
        RETURNING q.notice_id)
    INSERT INTO delivery (log_id, notice_id, person, point, channel, state, code)
    SELECT _log_id, notice_id, _by, '', '', CASE WHEN _by = '' THEN 'muted' ELSE 'handled' END, 'asked_again' FROM gone
$$;
REVOKE ALL ON FUNCTION record.supersede_notices FROM PUBLIC;
