-- Keeps a new link, which counts for so many seconds, and drops those that are long over.
CREATE OR REPLACE FUNCTION record.keep_link(
    _log_id smallint, _hash bytea, _link_id uuid, _notice_id uuid, _person text, _point text, _seconds float8
) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, record, pg_temp AS $$
    DELETE FROM link WHERE (log_id, hash) IN (
        SELECT log_id, hash FROM link WHERE log_id = _log_id AND until < clock_timestamp() - interval '30 days'
           FOR UPDATE SKIP LOCKED);
    INSERT INTO link (log_id, hash, link_id, notice_id, journey_id, role, person, point, until)
    SELECT _log_id, _hash, _link_id, _notice_id, journey_id, recipient_role, _person, _point,
           clock_timestamp() + make_interval(secs => _seconds)
      FROM notice WHERE log_id = _log_id AND notice_id = _notice_id
$$;
REVOKE ALL ON FUNCTION record.keep_link FROM PUBLIC;
GRANT EXECUTE ON FUNCTION record.keep_link TO carepath_recorder;
