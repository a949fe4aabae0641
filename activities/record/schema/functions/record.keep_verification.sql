-- Keeps that the whole record was verified, and forgets what is older than 90 days. When it ended is not the caller's to
-- say.
CREATE OR REPLACE FUNCTION record.keep_verification(
    _log_id smallint, _build text, _since bigint, _position bigint, _findings integer, _unchecked text[],
    _left_out text[]
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, record, pg_temp AS $$
BEGIN
    INSERT INTO verification (log_id, build, since, position, findings, unchecked, left_out)
    VALUES (_log_id, _build, _since, _position, _findings, _unchecked, _left_out)
    ON CONFLICT (log_id, ended) DO NOTHING;
    DELETE FROM verification WHERE log_id = _log_id AND ended < clock_timestamp() - interval '90 days';
END
$$;
REVOKE ALL ON FUNCTION record.keep_verification FROM PUBLIC;
GRANT EXECUTE ON FUNCTION record.keep_verification TO carepath_recorder, carepath_reader;
