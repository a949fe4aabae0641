-- The live generation of a log, held where it is until the transaction ends. Waits for whoever moves it.
CREATE OR REPLACE FUNCTION read_model.hold_live(_log_id smallint, OUT id integer, OUT definition integer,
                                                OUT "position" bigint)
RETURNS SETOF record
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, read_model, pg_temp AS $$
BEGIN
    RETURN QUERY SELECT g.id, g.definition, g.position FROM generation g
                  WHERE g.log_id = _log_id AND g.status = 'live' FOR UPDATE;
END
$$;
REVOKE ALL ON FUNCTION read_model.hold_live FROM PUBLIC;
GRANT EXECUTE ON FUNCTION read_model.hold_live TO carepath_projector;
