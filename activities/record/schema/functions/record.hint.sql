-- Wakes whoever reads the log, once for an append. A hint and no more: readers look for themselves
-- now and then, so a lost one costs them time and nothing else.
CREATE OR REPLACE FUNCTION record.hint() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    NOTIFY record;
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION record.hint() FROM PUBLIC;
