-- Run by a superuser of PostgreSQL in each database of the service, once it is made. Everybody who may connect may call
-- these functions otherwise: locks by number until there is no room for anybody's lock on the whole server, and large
-- objects and messages in the log of the server until its disk is full. The owner takes such locks. For anybody else it
-- would change nothing, with a warning alone: it fails.
DO $$
DECLARE
    _function regprocedure;
BEGIN
    FOR _function IN SELECT oid FROM pg_proc
                      WHERE pronamespace = 'pg_catalog'::regnamespace
                        AND (proname ~ '^pg_(try_)?advisory_(xact_)?lock' OR proname ~ '^lo_|^lowrite$'
                             OR proname = 'pg_logical_emit_message') LOOP
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', _function);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO carepath_owner', _function);
        IF has_function_privilege('public', _function::oid, 'EXECUTE') THEN
            RAISE EXCEPTION '% stays open to everybody', _function
                USING HINT = 'Only a superuser can close it: let nobody connect but the processes of the service.';
        END IF;
    END LOOP;
END
$$;
