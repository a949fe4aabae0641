-- When the whole record was verified, one row each: by which build, up to which position, how much was found, and which
-- parts were left out or could not be checked. It only says that somebody looked: what proves it is the signed report.
CREATE TABLE record.verification (
    log_id    smallint    NOT NULL,
    ended     timestamptz NOT NULL DEFAULT clock_timestamp(),
    build     text        NOT NULL CHECK (octet_length(build) <= 200),
    since     bigint      NOT NULL CHECK (since >= 0),
    position  bigint      NOT NULL CHECK (position >= 0),
    findings  integer     NOT NULL CHECK (findings >= 0),
    unchecked text[]      NOT NULL CHECK (cardinality(unchecked) <= 10 AND array_position(unchecked, NULL) IS NULL
                                          AND octet_length(unchecked::text) <= 1000),
    left_out  text[]      NOT NULL CHECK (cardinality(left_out) <= 10 AND array_position(left_out, NULL) IS NULL
                                          AND octet_length(left_out::text) <= 1000),
    PRIMARY KEY (log_id, ended)
);
GRANT SELECT ON record.verification TO carepath_recorder, carepath_console;
