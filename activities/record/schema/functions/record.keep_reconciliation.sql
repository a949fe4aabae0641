-- Keeps one pass of reconciliation, and forgets those of more than 90 days ago. When it ended is not the caller's to say.
CREATE OR REPLACE FUNCTION record.keep_reconciliation(
    _log_id smallint, _began timestamptz, _build text, _looked_at integer, _lost integer, _different integer,
    _mended integer, _failed integer, _code text, _clock_ahead bigint
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, record, pg_temp AS $$
BEGIN
    INSERT INTO reconciliation (log_id, began, build, looked_at, lost, different, mended, failed, code, clock_ahead)
    VALUES (_log_id, least(_began, clock_timestamp()), _build, _looked_at, _lost, _different, _mended, _failed, _code,
            _clock_ahead)
    ON CONFLICT (log_id, ended) DO NOTHING;
    DELETE FROM reconciliation WHERE log_id = _log_id AND ended < clock_timestamp() - interval '90 days';
END
$$;
REVOKE ALL ON FUNCTION record.keep_reconciliation FROM PUBLIC;
GRANT EXECUTE ON FUNCTION record.keep_reconciliation TO carepath_recorder;
