-- Sets the checkpoint of a generation that was filled in bulk, and lets the planner know its tables.
CREATE OR REPLACE FUNCTION read_model.filled(_id integer, _position bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, read_model, pg_temp AS $$
DECLARE
    _name text;
BEGIN
    FOR _name IN SELECT tablename FROM pg_tables WHERE schemaname = 'read_model_shape' LOOP
        EXECUTE format('ANALYZE read_model_%s.%I', _id, _name);
    END LOOP;
    UPDATE generation SET position = _position WHERE id = _id AND status = 'building';
END
$$;
REVOKE ALL ON FUNCTION read_model.filled FROM PUBLIC;
GRANT EXECUTE ON FUNCTION read_model.filled TO carepath_app;
