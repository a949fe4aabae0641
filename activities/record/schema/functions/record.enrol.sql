-- Keeps that a patient is to have a journey, or says why not: at most one open journey for a patient with a medicine,
-- whatever it is for and at whatever clinic, and one journey for a request. Whoever enrols is no recorder, may be slow,
-- and may leave a transaction open, so nothing is locked here that another login or an append waits for: the append of
-- the first event decides. Errors: CP004 isolation level; CP008 the keys are two patients'.
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
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, record, pg_temp SET lock_timeout = '1s' AS $$
DECLARE
    _before enrolment;
    _all bytea[];
    _one bytea[];
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'the record is written under READ COMMITTED only' USING ERRCODE = 'CP004';
    END IF;
    IF current_setting('synchronous_commit') = 'off' THEN
        PERFORM set_config('synchronous_commit', 'on', true);
    END IF;
    -- Two that enrol one patient at once take turns, so that the second is told at once. Nothing rests on it: anybody
    -- can hold such a lock, and then it is done without.
    BEGIN
        PERFORM pg_advisory_xact_lock(1701737071, hashtext(_patient_keys[1]::text));
    EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
        NULL;
    END;
    enrolled_journey := _journey_id;
    enrolled_by := _request_id;

    SELECT * INTO _before FROM enrolment e
     WHERE e.log_id = _log_id AND e.request_id = _request_id ORDER BY e.enrolled_at LIMIT 1;
    IF FOUND THEN
        IF _before.patient_keys[1] = _patient_keys[1] AND _before.pathway = _pathway THEN
            outcome := 'same_request';
            enrolled_journey := _before.journey_id;
        ELSE
            -- The ids asked for, not those found: they are another patient's.
            outcome := 'other_request';
        END IF;
        RETURN;
    END IF;
    IF EXISTS (SELECT FROM enrolment e WHERE e.log_id = _log_id AND e.journey_id = _journey_id) THEN
        RAISE EXCEPTION 'the journey is of another request' USING ERRCODE = 'unique_violation';
    END IF;

    -- Of the keys that are known already, all must be of one patient.
    _all := keys_of_one(_log_id, _patient_keys);
    SELECT keys_of_one(_log_id, ARRAY[known.key]) INTO _one
      FROM unnest(_patient_keys) AS known (key)
     WHERE EXISTS (SELECT FROM patient p WHERE p.log_id = _log_id AND p.patient_key = known.key)
        OR EXISTS (SELECT FROM enrolment e WHERE e.log_id = _log_id AND e.patient_keys @> ARRAY[known.key])
     LIMIT 1;
    IF EXISTS (SELECT FROM unnest(_patient_keys) AS other (key)
                WHERE NOT other.key = ANY (_one)
                  AND (EXISTS (SELECT FROM patient p WHERE p.log_id = _log_id AND p.patient_key = other.key)
                       OR EXISTS (SELECT FROM enrolment e
                                   WHERE e.log_id = _log_id AND e.patient_keys @> ARRAY[other.key]))) THEN
        RAISE EXCEPTION 'these keys are two patients''' USING ERRCODE = 'CP008';
    END IF;

    IF EXISTS (SELECT FROM journey j
                WHERE j.log_id = _log_id AND j.patient_key = ANY (_all) AND j.medicine = _medicine AND j.status = 'open')
       OR EXISTS (SELECT FROM enrolment e
                   LEFT JOIN journey j ON j.log_id = e.log_id AND j.journey_id = e.journey_id
                  WHERE e.log_id = _log_id AND e.patient_keys && _all AND e.medicine = _medicine
                    AND coalesce(j.status, 'open') = 'open') THEN
        -- Again the ids asked for: the other journey may be of another clinic.
        outcome := 'active';
        RETURN;
    END IF;

    INSERT INTO enrolment (log_id, journey_id, request_id, patient_keys, pathway, medicine)
    VALUES (_log_id, _journey_id, _request_id, _patient_keys, _pathway, _medicine)
    ON CONFLICT DO NOTHING;
    outcome := CASE WHEN FOUND THEN 'enrolled' ELSE 'same_request' END;
END
$$;
REVOKE ALL ON FUNCTION record.enrol FROM PUBLIC;
GRANT EXECUTE ON FUNCTION record.enrol TO carepath_recorder, carepath_reader, carepath_console;
