-- Whether the caller is now the only one who reconciles, until its transaction ends.
CREATE OR REPLACE FUNCTION record.reconcile_alone(_log_id smallint) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, record, pg_temp AS $$
BEGIN
    RETURN record.try_row(_log_id, 'reconcile');
END
$$;
REVOKE ALL ON FUNCTION record.reconcile_alone FROM PUBLIC;
GRANT EXECUTE ON FUNCTION record.reconcile_alone TO carepath_recorder;
