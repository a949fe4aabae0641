-- Makes one patient two again where a merge was undone in this journey and that could not be done at once, as it was read
-- at _version. Errors: CP003 no merge was undone there; CP007 it went on since, or somebody said who is who since _read.
CREATE OR REPLACE FUNCTION record.part_again(
    _log_id smallint, _journey_id uuid, _version integer, _parts bytea[], _read bigint
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, record, pg_temp AS $$
DECLARE
    _patient_key bytea;
    _reached integer;
BEGIN
    PERFORM lock_row(_log_id, 'enrol');
    PERFORM lock_row(_log_id, 'append');
    SELECT j.patient_key, j.version INTO _patient_key, _reached FROM journey j
     WHERE j.log_id = _log_id AND j.journey_id = _journey_id
       AND EXISTS (SELECT FROM journey_event e WHERE e.log_id = _log_id AND e.journey_id = _journey_id
                    AND e.event_type = 'patient.unmerged');
    IF _patient_key IS NULL OR cardinality(_parts) < 1 OR _patient_key = ANY (_parts) THEN
        RAISE EXCEPTION 'no merge was undone in this journey' USING ERRCODE = 'CP003';
    END IF;
    IF _reached IS DISTINCT FROM _version THEN
        RAISE EXCEPTION 'more is known of the patient by now' USING ERRCODE = 'CP007';
    END IF;
    PERFORM part(_log_id, _journey_id, _patient_key, _parts, _read);
END
$$;
REVOKE ALL ON FUNCTION record.part_again FROM PUBLIC;
GRANT EXECUTE ON FUNCTION record.part_again TO carepath_recorder;
