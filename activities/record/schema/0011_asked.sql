-- Whom an obligation was asked of so far: its owner, and the roles its escalation policy has turned to. All see it.
ALTER TABLE read_model_shape.obligation ADD COLUMN asked text[] NOT NULL;

DO $$
DECLARE
    _schema text;
    _role text;
    _order constant text := '(NOT held), due, journey_id, opened_version, obligation) WHERE closed_at IS NULL';
BEGIN
    -- What is live and still empty is as good as new. In what earlier builds made, and may go on writing, only
    -- owners are known.
    UPDATE read_model.generation SET definition = 2 WHERE status = 'live' AND position = 0;
    FOR _schema IN SELECT 'read_model_' || id FROM read_model.generation WHERE definition = 2 LOOP
        EXECUTE format('ALTER TABLE %I.obligation ADD COLUMN asked text[] NOT NULL', _schema);
    END LOOP;
    FOR _schema IN SELECT 'read_model_' || id FROM read_model.generation WHERE definition < 2 LOOP
        EXECUTE format(
            'ALTER TABLE %I.obligation ADD COLUMN asked text[] GENERATED ALWAYS AS (ARRAY[owner]) STORED', _schema);
    END LOOP;

    -- The order of a worklist, for a clinic, and for a role with and without one. Each role has indexes of its own,
    -- as no index of a list of roles has an order.
    FOR _schema IN
        SELECT 'read_model_shape' UNION ALL SELECT 'read_model_' || id FROM read_model.generation
    LOOP
        EXECUTE format('CREATE INDEX ON %I.obligation (clinic, %s', _schema, _order);
        FOREACH _role IN ARRAY ARRAY[
            'patient', 'coordinator', 'clinician', 'therapist', 'session_monitor', 'observer', 'on_call_clinician',
            'medical_director', 'ops'
        ] LOOP
            EXECUTE format('CREATE INDEX ON %I.obligation (%s AND %L = ANY (asked)', _schema, _order, _role);
            EXECUTE format('CREATE INDEX ON %I.obligation (clinic, %s AND %L = ANY (asked)', _schema, _order, _role);
        END LOOP;
    END LOOP;

    SELECT 'read_model_' || id INTO STRICT _schema FROM read_model.generation WHERE status = 'live';
    EXECUTE format('CREATE OR REPLACE VIEW read_model.obligation AS SELECT * FROM %I.obligation', _schema);
END
$$;
DROP INDEX read_model_shape.obligation_clinic_owner_expr_due_journey_id_opened_version__idx;
