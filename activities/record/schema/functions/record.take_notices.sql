-- Takes the alarms, or the other notices, whose time has come, for so many seconds, but none of _busy journeys. If
-- nothing is kept of them until then, because whoever took them has died, they are taken again.
CREATE OR REPLACE FUNCTION record.take_notices(
    _log_id smallint,
    _alarm boolean,
    _most integer,
    _seconds float8,
    _busy uuid[] DEFAULT '{}',
    OUT notice_id uuid,
    OUT journey_id uuid
)
RETURNS SETOF record
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, record, pg_temp AS $$
    WITH taken AS (
        SELECT q.notice_id, n.journey_id
          FROM queued_notice q JOIN notice n USING (log_id, notice_id)
         WHERE q.log_id = _log_id AND q.alarm = _alarm AND q.due_at <= clock_timestamp()
           AND n.journey_id <> ALL (_busy)
         ORDER BY q.due_at LIMIT _most FOR UPDATE OF q SKIP LOCKED)
    UPDATE queued_notice q SET due_at = clock_timestamp() + make_interval(secs => _seconds)
      FROM taken t
     WHERE q.log_id = _log_id AND q.notice_id = t.notice_id
    RETURNING t.notice_id, t.journey_id
$$;
REVOKE ALL ON FUNCTION record.take_notices FROM PUBLIC;
GRANT EXECUTE ON FUNCTION record.take_notices TO carepath_recorder;
