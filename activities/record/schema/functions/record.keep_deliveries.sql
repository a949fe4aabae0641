-- Keeps what became of a notice, given as an array of objects.
CREATE OR REPLACE FUNCTION record.keep_deliveries(_log_id smallint, _notice_id uuid, _facts jsonb) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, record, pg_temp AS $$
    INSERT INTO delivery (log_id, notice_id, person, point, channel, state, code)
    SELECT _log_id, n.notice_id, f.person, f.point, f.channel, f.state, f.code
      FROM notice n, jsonb_to_recordset(_facts) AS f (person text, point text, channel text, state text, code text)
     WHERE n.log_id = _log_id AND n.notice_id = _notice_id AND f.state NOT IN ('acknowledged', 'handled')
$$;
REVOKE ALL ON FUNCTION record.keep_deliveries FROM PUBLIC;
GRANT EXECUTE ON FUNCTION record.keep_deliveries TO carepath_recorder;
