-- Drops what the journeys of one log last used before a moment, except what a run that is still open may have been
-- handed: of each of these journeys, whatever was used from an hour before its run began. At least a day is kept, so that
-- a hand-over under way never loses its state. What somebody uses at this moment is left. Returns how many were dropped.
CREATE OR REPLACE FUNCTION record.drop_blobs(_log_id smallint, _before timestamptz, _open uuid[], _began timestamptz[])
RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, record, pg_temp AS $$
    WITH dropped AS (
        DELETE FROM blob WHERE (digest, workflow_id, kept_by) IN (
        SELECT b.digest, b.workflow_id, b.kept_by FROM blob b
         WHERE b.used_at < least(_before, clock_timestamp() - interval '1 day')
           AND EXISTS (SELECT FROM journey j WHERE j.log_id = _log_id AND 'journey/' || j.journey_id = b.workflow_id)
           AND NOT EXISTS (SELECT FROM unnest(_open, _began) AS o (journey_id, began)
                            WHERE 'journey/' || o.journey_id = b.workflow_id AND b.used_at >= o.began - interval '1 hour')
           FOR UPDATE OF b SKIP LOCKED)
        RETURNING 1)
    SELECT count(*) FROM dropped;
$$;
REVOKE ALL ON FUNCTION record.drop_blobs FROM PUBLIC;
GRANT EXECUTE ON FUNCTION record.drop_blobs TO carepath_recorder;
