-- Makes the empty tables of a new generation, in today's shape.
CREATE OR REPLACE FUNCTION read_model.begin_generation(_log_id smallint, _definition integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, read_model, pg_temp AS $$
DECLARE
    _id integer;
    _name text;
BEGIN
    INSERT INTO generation (log_id, definition) VALUES (_log_id, _definition) RETURNING id INTO _id;
    EXECUTE format('CREATE SCHEMA read_model_%s', _id);
    FOR _name IN SELECT tablename FROM pg_tables WHERE schemaname = 'read_model_shape' LOOP
        EXECUTE format('CREATE TABLE read_model_%s.%I (LIKE read_model_shape.%2$I INCLUDING ALL)', _id, _name);
    END LOOP;
    EXECUTE format('GRANT USAGE ON SCHEMA read_model_%s TO carepath_projector, carepath_reader, carepath_console', _id);
    EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA read_model_%s TO carepath_reader, carepath_console', _id);
    EXECUTE format('REVOKE ALL ON read_model_%s.snapshot FROM carepath_reader, carepath_console', _id);
    EXECUTE format(
        'GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA read_model_%s TO carepath_projector', _id);
    RETURN _id;
END
$$;
REVOKE ALL ON FUNCTION read_model.begin_generation FROM PUBLIC;
GRANT EXECUTE ON FUNCTION read_model.begin_generation TO carepath_projector;
