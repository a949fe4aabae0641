-- The heads of all journeys of a patient, by any of their keys, at any clinic. _ever: also of whoever was taken for them.
CREATE OR REPLACE FUNCTION record.journeys_of(_log_id smallint, _patient_key bytea, _ever boolean DEFAULT false)
RETURNS SETOF record.journey
LANGUAGE sql STABLE SET search_path = pg_catalog, record, pg_temp AS $$
    SELECT j.*
      FROM patient one
      JOIN patient alias ON alias.log_id = one.log_id AND alias.ever_known_as = one.ever_known_as
                        AND (_ever OR alias.known_as = one.known_as)
      JOIN journey j ON j.log_id = alias.log_id AND j.patient_key = alias.patient_key
     WHERE one.log_id = _log_id AND one.patient_key = _patient_key
$$;
REVOKE ALL ON FUNCTION record.journeys_of(smallint, bytea, boolean) FROM PUBLIC;
