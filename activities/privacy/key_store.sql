-- The key store. It may stand in a database of its own, with backups of its own: who has the record and not this one,
-- or this one and not the master keys, reads nothing.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'carepath_keys') THEN
        CREATE ROLE carepath_keys LOGIN;
        ALTER ROLE carepath_keys SET statement_timeout = '10s';
        ALTER ROLE carepath_keys SET lock_timeout = '2s';
        ALTER ROLE carepath_keys SET idle_in_transaction_session_timeout = '10s';
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    NULL;
END
$$;
CREATE SCHEMA IF NOT EXISTS keys;
-- A subject is a patient, the service for what is nobody's, or identity: the secret by which patients are told apart. New data is encrypted under its highest number.
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
-- Whose journey it is. A journey never changes its patient.
CREATE TABLE IF NOT EXISTS keys.journey (
    journey_id uuid PRIMARY KEY,
    subject text NOT NULL
);
CREATE INDEX IF NOT EXISTS journey_subject ON keys.journey (subject);
GRANT USAGE ON SCHEMA keys TO carepath_keys;
-- No key is deleted by the service. A data key is wrapped anew, and stays the same.
GRANT SELECT, INSERT, UPDATE (master, wrapped) ON keys.data_key TO carepath_keys;
GRANT SELECT, INSERT ON keys.journey TO carepath_keys;
