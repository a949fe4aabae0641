-- Wakes whoever reads the log, once for an append. A hint and no more: readers look for themselves
-- now and then, so a lost one costs them time and nothing else. There is one queue of them in a server, anybody who may
-- connect can fill it, and once it is full what hints is refused: so an append hints only while there is room.
CREATE OR REPLACE FUNCTION record.hint() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF pg_notification_queue_usage() < 0.5 THEN
        NOTIFY record;
    END IF;
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION record.hint() FROM PUBLIC;
