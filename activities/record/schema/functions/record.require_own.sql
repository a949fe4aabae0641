-- The login of one person acts for that person only: it is named by their id. The service's own logins, which begin with
-- carepath_, act for whomever they let in. Error: CP014.
CREATE OR REPLACE FUNCTION record.require_own(_person text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT starts_with(session_user, 'carepath_') AND session_user <> _person THEN
        RAISE EXCEPTION 'this login acts for one person only' USING ERRCODE = 'CP014';
    END IF;
END
$$;
REVOKE ALL ON FUNCTION record.require_own(text) FROM PUBLIC;
