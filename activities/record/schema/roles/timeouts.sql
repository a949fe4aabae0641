-- How long a role may run a statement, wait for a lock, and leave a transaction open. It keeps an accident short; a
-- session may set it otherwise, so nothing rests on it: what is locked at all is said in the functions. A role that
-- somebody else has made, or given other times, keeps them.
DO $$
DECLARE
    _role text;
    _setting text;
BEGIN
    FOR _role IN SELECT rolname FROM pg_roles WHERE rolconfig IS NULL AND rolname IN (
                    'carepath_recorder', 'carepath_projector', 'carepath_reader', 'carepath_watchdog') LOOP
        BEGIN
            FOREACH _setting IN ARRAY ARRAY['statement_timeout = ''10s''', 'lock_timeout = ''2s''',
                                            'idle_in_transaction_session_timeout = ''10s'''] LOOP
                EXECUTE format('ALTER ROLE %I SET %s', _role, _setting);
            END LOOP;
        EXCEPTION WHEN insufficient_privilege OR internal_error THEN
            NULL; -- somebody else's, or another database sets it at this moment
        END;
    END LOOP;
END
$$;
