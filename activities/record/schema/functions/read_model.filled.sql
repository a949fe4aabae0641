-- Sets the checkpoint of a generation that was filled in bulk, and lets the planner know its tables. Error: CP013 not
-- forward, or past the end of the log.
CREATE OR REPLACE FUNCTION read_model.filled(_id integer, _position bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, read_model, pg_temp AS $$
DECLARE
    _building generation;
    _name text;
BEGIN
    SELECT * INTO STRICT _building FROM generation WHERE id = _id AND status = 'building' FOR UPDATE;
    IF _position < _building.position
       OR _position > (SELECT coalesce(max(e.position), 0) FROM record.journey_event e
                        WHERE e.log_id = _building.log_id) THEN
        RAISE EXCEPTION 'a checkpoint moves forward, and not past the log' USING ERRCODE = 'CP013';
    END IF;
    FOR _name IN SELECT tablename FROM pg_tables WHERE schemaname = 'read_model_shape' LOOP
        EXECUTE format('ANALYZE read_model_%s.%I', _id, _name);
    END LOOP;
    UPDATE generation SET position = _position WHERE id = _id;
END
$$;
REVOKE ALL ON FUNCTION read_model.filled FROM PUBLIC;
GRANT EXECUTE ON FUNCTION read_model.filled TO carepath_projector;
