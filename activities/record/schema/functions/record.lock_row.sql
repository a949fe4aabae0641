-- Waits for one of the rows that writers lock, and holds it until the transaction ends. Error: CP004 isolation level.
-- 'append': one writer at a time for each log. Taken before any table of it is read, this makes commit order the order
-- of positions, so whoever reads "position > cursor" never misses an event. It only works when every statement after
-- the lock sees what was committed before it: READ COMMITTED.
CREATE OR REPLACE FUNCTION record.lock_row(_log_id smallint, _name text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, record, pg_temp AS $$
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'the record is written under READ COMMITTED only' USING ERRCODE = 'CP004';
    END IF;
    LOOP
        PERFORM FROM lock WHERE log_id = _log_id AND name = _name FOR UPDATE;
        EXIT WHEN FOUND;
        INSERT INTO lock (log_id, name) VALUES (_log_id, _name) ON CONFLICT DO NOTHING;
    END LOOP;
    -- What is acknowledged is durable, whatever the session or the server was told.
    IF current_setting('synchronous_commit') = 'off' THEN
        PERFORM set_config('synchronous_commit', 'on', true);
    END IF;
END
$$;
REVOKE ALL ON FUNCTION record.lock_row(smallint, text) FROM PUBLIC;
