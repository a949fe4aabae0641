-- Makes the head of a new journey, or says why not: at most one open journey for a patient with a medicine, whatever it
-- is for and at whatever clinic, and one journey for a request. Error: CP008 the keys are two patients'.
CREATE OR REPLACE FUNCTION record.enrol(
    _log_id smallint,
    _patient_keys bytea[],
    _pathway text,
    _medicine text,
    _request_id uuid,
    _journey_id uuid,
    OUT outcome text,
    OUT enrolled_journey uuid,
    OUT enrolled_by uuid
)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, record, pg_temp AS $$
DECLARE
    _head journey;
BEGIN
    -- Not the log's own lock, which every append waits for: whoever enrols is no recorder, and may be slow.
    PERFORM lock_row(_log_id, 'enrol');
    enrolled_journey := _journey_id;
    enrolled_by := _request_id;

    SELECT * INTO _head FROM journey j WHERE j.log_id = _log_id AND j.request_id = _request_id;
    IF FOUND THEN
        IF _head.patient_key = _patient_keys[1] AND _head.pathway = _pathway THEN
            outcome := 'same_request';
            enrolled_journey := _head.journey_id;
        ELSE
            -- The ids asked for, not those found: they are another patient's.
            outcome := 'other_request';
        END IF;
        RETURN;
    END IF;

    PERFORM identify(_log_id, _patient_keys);
    IF EXISTS (SELECT FROM journeys_of(_log_id, _patient_keys[1]) j
                WHERE j.medicine = _medicine AND j.status = 'open') THEN
        -- Again the ids asked for: the other journey may be of another clinic.
        outcome := 'active';
        RETURN;
    END IF;

    outcome := 'enrolled';
    INSERT INTO journey (log_id, journey_id, version, journey_hash, last_position, status,
                         patient_key, pathway, medicine, request_id, enrolled_at)
    VALUES (_log_id, _journey_id, 0, decode(repeat('00', 32), 'hex'), 0, 'open',
            _patient_keys[1], _pathway, _medicine, _request_id, clock_timestamp());
END
$$;
REVOKE ALL ON FUNCTION record.enrol FROM PUBLIC;
GRANT EXECUTE ON FUNCTION record.enrol TO carepath_recorder, carepath_reader;
