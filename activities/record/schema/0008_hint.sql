-- Wakes whoever reads the log, once for an append. A hint and no more: readers look for themselves
-- now and then, so a lost one costs them time and nothing else.
CREATE FUNCTION record.hint() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    NOTIFY record;
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION record.hint() FROM PUBLIC;

CREATE TRIGGER hint AFTER INSERT ON record.journey_event
    FOR EACH STATEMENT EXECUTE FUNCTION record.hint();
