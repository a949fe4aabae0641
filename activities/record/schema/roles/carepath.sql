-- Who may connect, each for one purpose. None owns anything: each may read what it needs and call its functions.
--
-- carepath_recorder   the worker: appends, and all that goes with it
-- carepath_projector  the worker's projection, and whoever rebuilds lists: writes the read models and nothing else
-- carepath_reader     people's command line: reads, enrols, claims tasks, keeps how people are reached, asks for codes,
--                     sends links, sees to messages, keeps verifications, and leaves a row in the access log
-- carepath_console    the console: the same without verifications, and uses links, which let in who has no key
--
-- A login of one person is made a member of carepath_reader: GRANT carepath_reader TO "their-id" WITH SET FALSE. Whoever can
-- become a role can also give it a password and other settings. Names that begin with carepath_ are the service's own.
-- Roles belong to the cluster, so another database may be creating them at the same moment. How they authenticate
-- (password, certificate) is for whoever deploys.
DO $$
DECLARE
    _role text;
BEGIN
    FOREACH _role IN ARRAY ARRAY['carepath_recorder', 'carepath_projector', 'carepath_reader', 'carepath_console'] LOOP
        BEGIN
            IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = _role) THEN
                EXECUTE format('CREATE ROLE %I LOGIN', _role);
            END IF;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;
        END;
    END LOOP;
END
$$;
-- What is made from here on is nobody's until it is granted.
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
REVOKE ALL ON SCHEMA public FROM PUBLIC;

-- record holds the log. What people work from are folds of it, in tables that can be thrown away and built again at
-- any time. A generation is one build of all of them, in a schema of its own (read_model_1, read_model_2, …), made in
-- the shape of the tables in read_model_shape. Readers use the views in read_model, which show the live generation.
CREATE SCHEMA read_model;
CREATE SCHEMA read_model_shape;
GRANT USAGE ON SCHEMA record, read_model TO carepath_recorder, carepath_projector, carepath_reader, carepath_console;
