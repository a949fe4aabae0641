-- The builds of the read models. position is the checkpoint: every row of a generation, except those of
-- parked journeys, is the fold of the log up to exactly there. definition is the code's word for how.
CREATE TABLE read_model.generation (
    id         integer     GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    log_id     smallint    NOT NULL,
    definition integer     NOT NULL,
    position   bigint      NOT NULL DEFAULT 0,
    status     text        NOT NULL DEFAULT 'building' CHECK (status IN ('building', 'live', 'retired')),
    since      timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 50);
CREATE UNIQUE INDEX generation_one_live ON read_model.generation ((true)) WHERE status = 'live';
CREATE UNIQUE INDEX generation_one_building ON read_model.generation ((true)) WHERE status = 'building';
GRANT SELECT, UPDATE (position) ON read_model.generation TO carepath_app;

-- Makes the empty tables of a new generation, in today's shape.
CREATE FUNCTION read_model.begin_generation(_log_id smallint, _definition integer) RETURNS integer
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
    EXECUTE format('GRANT USAGE ON SCHEMA read_model_%s TO carepath_app', _id);
    EXECUTE format(
        'GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA read_model_%s TO carepath_app', _id);
    RETURN _id;
END
$$;

-- Sets the checkpoint of a generation that was filled in bulk, and lets the planner know its tables.
CREATE FUNCTION read_model.filled(_id integer, _position bigint) RETURNS void
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

-- Shows a generation to readers in the place of the live one, which is kept. False, and nothing is changed,
-- while it is behind the live one: readers never go back in time. Waits at most half a second for projectors
-- and a tenth for readers (lock_not_available), since new readers queue behind it.
CREATE FUNCTION read_model.publish(_id integer) RETURNS boolean
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
        EXECUTE format('GRANT SELECT ON read_model.%I TO carepath_app', _name);
    END LOOP;
    RETURN true;
END
$$;

-- Throws a generation away, unless people are reading it.
CREATE FUNCTION read_model.drop_generation(_id integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, read_model, pg_temp AS $$
BEGIN
    DELETE FROM generation WHERE id = _id AND status <> 'live';
    IF FOUND THEN
        EXECUTE format('DROP SCHEMA read_model_%s CASCADE', _id);
    END IF;
END
$$;

REVOKE ALL ON FUNCTION read_model.begin_generation, read_model.filled, read_model.publish,
    read_model.drop_generation FROM PUBLIC;
GRANT EXECUTE ON FUNCTION read_model.begin_generation, read_model.filled, read_model.publish,
    read_model.drop_generation TO carepath_app;

SELECT read_model.publish(read_model.begin_generation(1::smallint, 1));
