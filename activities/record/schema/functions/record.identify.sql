-- Keeps that these keys are one patient's, under the log's lock. Those that are new become the patient's that the others
-- are known as. Error: CP008 they are known as two patients; a signed merge makes them one, and nothing else does.
CREATE OR REPLACE FUNCTION record.identify(_log_id smallint, _keys bytea[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, record, pg_temp AS $$
DECLARE
    _known bytea[];
    _ever bytea[];
BEGIN
    SELECT array_agg(DISTINCT p.known_as), array_agg(p.ever_known_as) INTO _known, _ever
      FROM patient p WHERE p.log_id = _log_id AND p.patient_key = ANY (_keys);
    IF cardinality(_known) > 1 THEN
        RAISE EXCEPTION 'these keys are two patients''' USING ERRCODE = 'CP008';
    END IF;
    INSERT INTO patient (log_id, patient_key, known_as, ever_known_as)
    SELECT _log_id, key, coalesce(_known[1], _keys[1]), coalesce(_ever[1], _keys[1]) FROM unnest(_keys) AS key
        ON CONFLICT DO NOTHING;
END
$$;
REVOKE ALL ON FUNCTION record.identify(smallint, bytea[]) FROM PUBLIC;
