-- Keeps a fold of a journey in the place of an earlier one, if the journey has these events.
CREATE OR REPLACE FUNCTION record.keep_snapshot(
    _log_id smallint, _journey_id uuid, _version integer, _journey_hash bytea, _code bytea, _content bytea
)
RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, record, pg_temp AS $$
    INSERT INTO snapshot AS s (log_id, journey_id, version, journey_hash, code, content)
    SELECT _log_id, _journey_id, _version, e.journey_hash, _code, _content
      FROM journey_event e
     WHERE e.log_id = _log_id AND e.journey_id = _journey_id AND e.version = _version AND e.journey_hash = _journey_hash
    ON CONFLICT (log_id, journey_id) DO UPDATE
       SET version = excluded.version, journey_hash = excluded.journey_hash,
           code = excluded.code, content = excluded.content;
$$;
REVOKE ALL ON FUNCTION record.keep_snapshot FROM PUBLIC;
GRANT EXECUTE ON FUNCTION record.keep_snapshot TO carepath_recorder;
