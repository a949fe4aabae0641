-- Shows a generation to readers in the place of the live one, which is kept. False, and nothing is changed,
-- while it is behind the live one: readers never go back in time. Waits at most half a second for projectors
-- and a tenth for readers (lock_not_available), since new readers queue behind it.
CREATE OR REPLACE FUNCTION read_model.publish(_id integer) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, read_model, pg_temp SET lock_timeout = '500ms' AS $$
DECLARE
    _live generation;
    _next generation;
    _name text;
BEGIN
    SELECT * INTO _live FROM generation WHERE status = 'live' FOR UPDATE;
    SELECT * INTO STRICT _next FROM generation WHERE id = _id FOR UPDATE;
    IF _next.position < _live.position THEN
        RETURN false;
    END IF;
    PERFORM set_config('lock_timeout', '100ms', true);
    UPDATE generation SET status = 'retired', since = clock_timestamp() WHERE id = _live.id;
    UPDATE generation SET status = 'live', since = clock_timestamp() WHERE id = _id;
    FOR _name IN SELECT tablename FROM pg_tables WHERE schemaname = 'read_model_shape' LOOP
        EXECUTE format(
            'CREATE OR REPLACE VIEW read_model.%I AS SELECT * FROM read_model_%s.%1$I', _name, _id);
        -- A snapshot is for those who project, and the worker reads what it reconciles by.
        IF _name <> 'snapshot' THEN
            EXECUTE format('GRANT SELECT ON read_model.%I TO carepath_reader, carepath_console, carepath_recorder', _name);
        END IF;
    END LOOP;
    RETURN true;
END
$$;
REVOKE ALL ON FUNCTION read_model.publish FROM PUBLIC;
GRANT EXECUTE ON FUNCTION read_model.publish TO carepath_projector;
