-- Ends the claims of obligations of these journeys that a generation shows as closed. One that somebody is releasing at
-- this moment is left: it ends with that, or with the journey's next event.
CREATE OR REPLACE FUNCTION read_model.end_claims(_id integer, _journeys uuid[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, read_model, pg_temp AS $$
BEGIN
    EXECUTE format(
        'DELETE FROM claim WHERE (journey_id, opened_version, obligation) IN ('
        'SELECT c.journey_id, c.opened_version, c.obligation FROM claim c JOIN read_model_%s.obligation o '
        'ON (o.journey_id, o.opened_version, o.obligation) = (c.journey_id, c.opened_version, c.obligation) '
        'WHERE c.journey_id = ANY ($1) AND o.closed_at IS NOT NULL FOR UPDATE OF c SKIP LOCKED)', _id)
    USING _journeys;
END
$$;
REVOKE ALL ON FUNCTION read_model.end_claims FROM PUBLIC;
GRANT EXECUTE ON FUNCTION read_model.end_claims TO carepath_projector;
