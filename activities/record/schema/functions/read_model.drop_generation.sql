-- Throws a generation away, unless people are reading it.
CREATE OR REPLACE FUNCTION read_model.drop_generation(_id integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, read_model, pg_temp AS $$
BEGIN
    DELETE FROM generation WHERE id = _id AND status <> 'live';
    IF FOUND THEN
        EXECUTE format('DROP SCHEMA read_model_%s CASCADE', _id);
    END IF;
END
$$;
REVOKE ALL ON FUNCTION read_model.drop_generation FROM PUBLIC;
GRANT EXECUTE ON FUNCTION read_model.drop_generation TO carepath_projector;
