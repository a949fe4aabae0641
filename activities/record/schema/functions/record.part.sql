-- Makes one patient two again, under the log's locks: _parts are all keys of the other one, as read up to _read. Error:
-- CP007 somebody said since who is who.
CREATE OR REPLACE FUNCTION record.part(
    _log_id smallint, _journey_id uuid, _patient_key bytea, _parts bytea[], _read bigint
) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, record, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM journeys_of(_log_id, _patient_key, true) j
                JOIN journey_event e ON e.log_id = _log_id AND e.journey_id = j.journey_id
               WHERE j.journey_id <> _journey_id AND j.last_position > _read AND e.position > _read
                 AND e.event_type IN ('pathway.started', 'patient.merged', 'patient.unmerged')) THEN
        RAISE EXCEPTION 'more is known of the patient by now' USING ERRCODE = 'CP007';
    END IF;
    UPDATE patient p SET known_as = CASE WHEN p.patient_key = ANY (_parts) THEN _parts[1] ELSE _patient_key END
     WHERE p.log_id = _log_id
       AND p.known_as = (SELECT m.known_as FROM patient m WHERE m.log_id = _log_id AND m.patient_key = _patient_key);
END
$$;
REVOKE ALL ON FUNCTION record.part FROM PUBLIC;
