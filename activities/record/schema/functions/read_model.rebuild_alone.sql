-- Whether the caller is now the only one who builds and swaps generations, until its transaction ends.
CREATE OR REPLACE FUNCTION read_model.rebuild_alone(_log_id smallint) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, record, pg_temp AS $$
BEGIN
    RETURN record.try_row(_log_id, 'rebuild');
END
$$;
REVOKE ALL ON FUNCTION read_model.rebuild_alone FROM PUBLIC;
GRANT EXECUTE ON FUNCTION read_model.rebuild_alone TO carepath_projector;
