-- All keys of one patient, by any of them: what the log says, and who is to have a journey.
CREATE OR REPLACE FUNCTION record.keys_of_one(_log_id smallint, _keys bytea[]) RETURNS bytea[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, record, pg_temp AS $$
DECLARE
    _more bytea[];
BEGIN
    LOOP
        SELECT array_agg(key) INTO _more FROM (
            SELECT unnest(_keys) AS key
            UNION
            SELECT other.patient_key FROM patient one
              JOIN patient other ON other.log_id = one.log_id AND other.known_as = one.known_as
             WHERE one.log_id = _log_id AND one.patient_key = ANY (_keys)
            UNION
            SELECT unnest(e.patient_keys) FROM enrolment e WHERE e.log_id = _log_id AND e.patient_keys && _keys
        ) AS found;
        EXIT WHEN cardinality(_more) IS NOT DISTINCT FROM cardinality(_keys);
        _keys := _more;
    END LOOP;
    RETURN _keys;
END
$$;
REVOKE ALL ON FUNCTION record.keys_of_one(smallint, bytea[]) FROM PUBLIC;
