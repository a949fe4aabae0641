-- Seals what was added to the access log since the last time, up to a thousand entries, and returns how many.
CREATE OR REPLACE FUNCTION record.seal_access(_log_id smallint) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, record, pg_temp AS $$
DECLARE
    _number bigint;
    _chain bytea;
    _last timestamptz;
    _seen timestamptz;
    _at timestamptz;
    _entry record;
    _sealed integer := 0;
BEGIN
    PERFORM lock_row(_log_id, 'seal');
    SELECT s.number, s.chain_hash, s.sealed_at INTO _number, _chain, _last
      FROM access_seal s WHERE s.log_id = _log_id ORDER BY s.number DESC LIMIT 1;
    -- Of the last portion the newest look: measured from when it was sealed, what still waits would be passed over.
    SELECT max(a.at) INTO _seen FROM access_log a JOIN access_seal s USING (log_id, entry_id)
     WHERE s.log_id = _log_id AND s.number > _number - 1000;
    _at := greatest(clock_timestamp(), _last);
    FOR _entry IN
        SELECT a.entry_id,
               sha256(field('carepath/access/1') || field(a.entry_id) || field(a.at) || field(a.reader_id)
                      || field(a.reader_role) || field(a.purpose) || field(a.clock) || fields(a.command)
                      || field(a.shown::int::bigint) || fields(a.journeys::text[]) || fields(a.rows)
                      || field(a.position) || field(a.definition::bigint) || field(a.reason) || field(a.until)) AS content
          FROM access_log a
         -- No transaction of whoever looks is open for a day. What claims to be older is never sealed, and found.
         WHERE a.log_id = _log_id AND a.at > coalesce(least(_seen, _last) - interval '1 day', '-infinity')
           AND NOT EXISTS (SELECT FROM access_seal s WHERE s.log_id = _log_id AND s.entry_id = a.entry_id)
         ORDER BY a.at, a.entry_id LIMIT 1000
    LOOP
        _number := coalesce(_number, 0) + 1;
        _chain := sha256(field('carepath/access-log/1') || field(coalesce(_chain, decode(repeat('00', 32), 'hex')))
                         || field(_log_id::bigint) || field(_number) || field(_at) || field(_entry.content));
        INSERT INTO access_seal (log_id, number, entry_id, sealed_at, content_hash, chain_hash)
        VALUES (_log_id, _number, _entry.entry_id, _at, _entry.content, _chain);
        _sealed := _sealed + 1;
    END LOOP;
    RETURN _sealed;
END
$$;
REVOKE ALL ON FUNCTION record.seal_access FROM PUBLIC;
GRANT EXECUTE ON FUNCTION record.seal_access TO carepath_recorder;
