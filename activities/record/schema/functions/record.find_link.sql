-- Returns the link with a hash, and how it stands with it. code: only while it counts.
CREATE OR REPLACE FUNCTION record.find_link(_log_id smallint, _hash bytea)
RETURNS TABLE (link_id uuid, notice_id uuid, event_id uuid, journey_id uuid, role text, person text, point text,
               state text, code bytea)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, record, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT l.link_id, l.notice_id, n.event_id, l.journey_id, l.role, l.person, l.point, link_state(l),
           CASE WHEN l.code_until > clock_timestamp() THEN l.code END
      FROM link l JOIN notice n ON n.log_id = l.log_id AND n.notice_id = l.notice_id
     WHERE l.log_id = _log_id AND l.hash = _hash;
END
$$;
REVOKE ALL ON FUNCTION record.find_link FROM PUBLIC;
GRANT EXECUTE ON FUNCTION record.find_link TO carepath_console;
