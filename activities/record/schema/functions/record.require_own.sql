-- The login of one person acts for that person only: it is named by their id, and a member of carepath_reader that cannot
-- become it (roles/carepath.sql). The service's own logins, which begin with carepath_, act for whomever they let in.
-- Error: CP014.
CREATE OR REPLACE FUNCTION record.require_own(_person text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF starts_with(session_user, 'carepath_') THEN
        RETURN;
    END IF;
    IF session_user <> _person THEN
        RAISE EXCEPTION 'this login acts for one person only' USING ERRCODE = 'CP014';
    END IF;
    IF pg_has_role(session_user, 'carepath_reader', 'SET') THEN
        RAISE EXCEPTION 'this login can become the role of the service: grant it carepath_reader WITH SET FALSE'
            USING ERRCODE = 'CP014';
    END IF;
END
$$;
REVOKE ALL ON FUNCTION record.require_own(text) FROM PUBLIC;
