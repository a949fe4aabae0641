-- Has whoever tries or uses a link of a person wait for who does so with another one of theirs, so that tries at all of them
-- are counted together.
CREATE OR REPLACE FUNCTION record.lock_links(_log_id smallint, _hash bytea) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, record, pg_temp AS $$
    SELECT FROM link WHERE log_id = _log_id AND hash = (
        SELECT o.hash FROM link o JOIN link l USING (log_id, journey_id, person)
         WHERE l.log_id = _log_id AND l.hash = _hash ORDER BY o.hash LIMIT 1)
       FOR UPDATE
$$;
REVOKE ALL ON FUNCTION record.lock_links FROM PUBLIC;
