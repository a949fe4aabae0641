-- One writer at a time for each log. Taken before any table is read, this makes commit order
-- the order of positions, so whoever reads "position > cursor" never misses an event. It only works when
-- every statement after the lock sees what was committed before it: READ COMMITTED.
CREATE OR REPLACE FUNCTION record.lock_log(_log_id smallint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'the record is written under READ COMMITTED only' USING ERRCODE = 'CP004';
    END IF;
    PERFORM pg_advisory_xact_lock(1735289203, _log_id);
    -- An acknowledged event is durable, whatever the session or the server was told.
    IF current_setting('synchronous_commit') = 'off' THEN
        PERFORM set_config('synchronous_commit', 'on', true);
    END IF;
END
$$;
REVOKE ALL ON FUNCTION record.lock_log(smallint) FROM PUBLIC;
