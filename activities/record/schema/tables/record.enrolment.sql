-- Who is to have a journey: what stands before its first event. Not part of the log: the append of that event decides
-- whether the journey begins. Each login keeps its own, so that none waits for another, and no append waits for any.
CREATE TABLE record.enrolment (
    log_id       smallint    NOT NULL,
    journey_id   uuid        NOT NULL,
    request_id   uuid        NOT NULL,
    patient_keys bytea[]     NOT NULL,
    pathway      text        NOT NULL,
    medicine     text        NOT NULL,
    enrolled_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    enrolled_by  text        NOT NULL DEFAULT session_user,
    PRIMARY KEY (log_id, journey_id, enrolled_by),
    CONSTRAINT enrolment_keys CHECK (
        cardinality(patient_keys) BETWEEN 1 AND 100 AND coalesce(array_ndims(patient_keys), 0) = 1
        AND array_position(patient_keys, NULL) IS NULL),
    CONSTRAINT enrolment_words CHECK (octet_length(pathway) <= 200 AND octet_length(medicine) <= 200)
);
CREATE INDEX enrolment_request ON record.enrolment (log_id, request_id);
CREATE INDEX enrolment_patient ON record.enrolment USING gin (patient_keys);

GRANT SELECT ON record.enrolment TO carepath_recorder, carepath_reader, carepath_console;
