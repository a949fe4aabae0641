-- Records that somebody looked, once: false when this id was recorded before. Who looks is the caller's to say; when
-- is not. Error: CP014 the login is another person's.
CREATE OR REPLACE FUNCTION record.record_access(
    _log_id smallint, _entry_id uuid, _reader_id text, _reader_role text, _purpose text, _clock timestamptz,
    _command text[], _shown boolean, _journeys uuid[], _rows text[], _position bigint, _definition integer, _reason text,
    _until timestamptz
) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, record, pg_temp AS $$
BEGIN
    PERFORM require_own(_reader_id);
    INSERT INTO access_log (log_id, entry_id, reader_id, reader_role, purpose, clock, command, shown, journeys, rows,
                            position, definition, reason, until)
    VALUES (_log_id, _entry_id, _reader_id, _reader_role, _purpose, _clock, _command, _shown, _journeys, _rows,
            _position, _definition, _reason, _until)
    ON CONFLICT (log_id, entry_id) DO NOTHING;
    RETURN FOUND;
END
$$;
REVOKE ALL ON FUNCTION record.record_access FROM PUBLIC;
-- Ops who mend as the worker does see which journeys that is about.
GRANT EXECUTE ON FUNCTION record.record_access TO carepath_recorder, carepath_reader, carepath_console;
