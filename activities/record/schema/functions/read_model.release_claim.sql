-- Releases somebody's claim of an open obligation, or anybody's with _of_anybody, and returns it; no row when there is
-- none. Error: CP014 it is another person's to release.
CREATE OR REPLACE FUNCTION read_model.release_claim(
    _journey_id uuid, _obligation text, _by text, _of_anybody boolean, OUT claimed_by text, OUT claimed_at timestamptz
) RETURNS SETOF record
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, read_model, pg_temp AS $$
BEGIN
    PERFORM record.require_own(_by);
    RETURN QUERY
    DELETE FROM claim k USING obligation o
     WHERE (o.journey_id, o.opened_version, o.obligation) = (k.journey_id, k.opened_version, k.obligation)
       AND o.journey_id = _journey_id AND o.obligation = _obligation AND o.closed_at IS NULL
       AND (k.claimed_by = _by OR _of_anybody)
    RETURNING k.claimed_by, k.claimed_at;
END
$$;
REVOKE ALL ON FUNCTION read_model.release_claim FROM PUBLIC;
GRANT EXECUTE ON FUNCTION read_model.release_claim TO carepath_reader, carepath_console;
