-- Keeps bytes under their SHA-256, and returns it. What is kept already stays, and counts as used now.
CREATE OR REPLACE FUNCTION record.keep_blob(_content bytea, _workflow_id text)
RETURNS bytea
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, record, pg_temp AS $$
    INSERT INTO blob AS b (digest, content, workflow_id) VALUES (sha256(_content), _content, _workflow_id)
    ON CONFLICT (digest, workflow_id, kept_by) DO UPDATE SET used_at = clock_timestamp()
    RETURNING digest;
$$;
REVOKE ALL ON FUNCTION record.keep_blob FROM PUBLIC;
GRANT EXECUTE ON FUNCTION record.keep_blob TO carepath_recorder, carepath_reader, carepath_console;
