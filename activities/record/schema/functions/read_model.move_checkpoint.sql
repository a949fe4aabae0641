-- Moves the checkpoint of a generation forward, in the transaction that writes the rows. False, and nothing is changed,
-- when it is not at _from any more, somebody else is moving it at this moment, or it is to be _live and is not.
-- Error: CP013 not forward, or past the end of the log.
CREATE OR REPLACE FUNCTION read_model.move_checkpoint(_id integer, _from bigint, _to bigint, _live boolean)
RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, read_model, pg_temp AS $$
DECLARE
    _log_id smallint;
BEGIN
    SELECT g.log_id INTO _log_id FROM generation g
     WHERE g.id = _id AND g.position = _from AND (g.status = 'live' OR NOT _live) FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    IF _to <= _from OR _to > (SELECT coalesce(max(e.position), 0) FROM record.journey_event e
                               WHERE e.log_id = _log_id) THEN
        RAISE EXCEPTION 'a checkpoint moves forward, and not past the log' USING ERRCODE = 'CP013';
    END IF;
    UPDATE generation SET position = _to WHERE id = _id;
    RETURN true;
END
$$;
REVOKE ALL ON FUNCTION read_model.move_checkpoint FROM PUBLIC;
GRANT EXECUTE ON FUNCTION read_model.move_checkpoint TO carepath_projector;
