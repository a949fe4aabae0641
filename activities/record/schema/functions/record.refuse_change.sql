-- What the triggers of append-only tables do.
CREATE OR REPLACE FUNCTION record.refuse_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'CP005';
END
$$;
REVOKE ALL ON FUNCTION record.refuse_change() FROM PUBLIC;
