-- How a person is reached, every version of it, encrypted: a patient's under their own key, so that it can be read no
-- more once that is deleted. A subject is a patient by the key of their journeys, or one of the staff by their id.
CREATE TABLE record.contact (
    log_id   smallint    NOT NULL,
    subject  text        NOT NULL,
    version  integer     NOT NULL CHECK (version > 0),
    sealed   bytea       NOT NULL CHECK (octet_length(sealed) <= 65536),
    given_by text        NOT NULL CHECK (octet_length(given_by) <= 200),
    at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (log_id, subject, version)
);
GRANT SELECT ON record.contact TO carepath_recorder, carepath_reader, carepath_console;
