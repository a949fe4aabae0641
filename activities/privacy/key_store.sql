-- The key store. It may stand in a database of its own, with backups of its own: who has the record and not this one,
-- or this one and not the master keys, reads nothing.
--
-- carepath_keys         whoever encrypts (worker, console, command line): reads keys, and adds new ones
-- carepath_key_reader   whoever only decrypts: the watchdog
-- carepath_key_keeper   whoever replaces a master key: also wraps keys anew
DO $$
DECLARE
    _role text;
    _setting text;
BEGIN
    FOREACH _role IN ARRAY ARRAY['carepath_keys', 'carepath_key_reader', 'carepath_key_keeper'] LOOP
        BEGIN
            IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = _role) THEN
                EXECUTE format('CREATE ROLE %I LOGIN', _role);
                FOREACH _setting IN ARRAY ARRAY['statement_timeout = ''10s''', 'lock_timeout = ''2s''',
                                                'idle_in_transaction_session_timeout = ''10s'''] LOOP
                    EXECUTE format('ALTER ROLE %I SET %s', _role, _setting);
                END LOOP;
            END IF;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;
        END;
    END LOOP;
    -- Whoever connects is named here, and no role of the record is let in.
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO carepath_keys, carepath_key_reader, carepath_key_keeper',
                   current_database());
END
$$;
CREATE SCHEMA IF NOT EXISTS keys;
-- A subject is a patient, the service for what is nobody's, or identity: the secret by which patients are told apart. New data is encrypted under the highest number that a master key opens.
CREATE TABLE IF NOT EXISTS keys.data_key (
    subject text NOT NULL,
    number integer NOT NULL CHECK (number >= 1),
    key_id uuid NOT NULL UNIQUE,
    master text NOT NULL,
    wrapped bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (subject, number)
);
CREATE INDEX IF NOT EXISTS data_key_master ON keys.data_key (master);
-- A new key is the next one: nobody can use up the numbers. The secret by which patients are told apart is one for ever.
CREATE OR REPLACE FUNCTION keys.require_next() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NEW.number > 1 + (SELECT coalesce(max(number), 0) FROM keys.data_key WHERE subject = NEW.subject) THEN
        RAISE check_violation USING MESSAGE = 'a key has the number after the last one';
    END IF;
    IF NEW.subject = 'identity' AND NEW.number > 1 THEN
        RAISE check_violation USING MESSAGE = 'there is one secret by which patients are told apart';
    END IF;
    RETURN NEW;
END
$$;
CREATE OR REPLACE TRIGGER next_number BEFORE INSERT ON keys.data_key
    FOR EACH ROW EXECUTE FUNCTION keys.require_next();
-- Whose journey it is. A journey never changes its patient.
CREATE TABLE IF NOT EXISTS keys.journey (
    journey_id uuid PRIMARY KEY,
    subject text NOT NULL
);
CREATE INDEX IF NOT EXISTS journey_subject ON keys.journey (subject);
GRANT USAGE ON SCHEMA keys TO carepath_keys, carepath_key_reader, carepath_key_keeper;
-- No process changes or deletes a key: who has taken one over destroys nothing. Wrapped anew, a data key stays the same.
GRANT SELECT, INSERT ON keys.data_key, keys.journey TO carepath_keys, carepath_key_keeper;
GRANT SELECT ON keys.data_key, keys.journey TO carepath_key_reader;
-- A store that was made before had it so.
REVOKE UPDATE ON keys.data_key FROM carepath_keys;
GRANT UPDATE (master, wrapped) ON keys.data_key TO carepath_key_keeper;
