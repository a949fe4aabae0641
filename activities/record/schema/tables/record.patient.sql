-- Who is who: of each key of a patient (their reference, a clinic's own number for them) the one key that stands for
-- them in the organisation. Two patients that turn out to be one get the same, and each their own again where that was
-- wrong; ever_known_as stays the same for all that ever were one, or may be. Like the head of a journey this is written
-- together with the log, and says nothing that the log does not.
CREATE TABLE record.patient (
    log_id        smallint NOT NULL,
    patient_key   bytea    NOT NULL,
    known_as      bytea    NOT NULL,
    ever_known_as bytea    NOT NULL,
    PRIMARY KEY (log_id, patient_key)
);
CREATE INDEX ON record.patient (log_id, known_as);
CREATE INDEX ON record.patient (log_id, ever_known_as);

GRANT SELECT ON record.patient TO carepath_recorder, carepath_reader, carepath_console;
