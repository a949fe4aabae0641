-- Appends events to one journey, all or none. Errors: CP001 the journey is at another version (in DETAIL);
-- CP002 some of these event ids are recorded otherwise; CP003 the events fit no journey or name an id twice; CP004
-- isolation level; CP006 the patient has another open journey with this medicine; CP007 another journey of the patient
-- has events after _rests_on; CP008 the keys of the patient are two patients'; CP009 over a limit (in DETAIL: what is
-- counted, how many there are, and how many may be); CP010 the journey is at the version, and not by the events whose
-- hash is _follows; CP011 it is later than _valid_until; CP012 an event is dated ahead of the clock (in DETAIL: by how
-- many seconds). The last two not in a log that is a demonstration.
-- The events that open a journey come with its patient's keys and its medicine. What rests on all that is known of the
-- patient comes with the position up to which that was read; under the lock nobody can have added to it since.
-- _merges are keys of other patients who are this one; _parts are all keys of another one who is not any more, the first
-- of which is theirs from here on, as read up to _parts_read: nobody may have said since who is who. That others went on
-- meanwhile keeps nobody waiting. _asked are keys of other patients who may be this one: the two stay two, and from here
-- on the journeys of each are told what the other's say.
-- The commands that the events follow from are kept with them: of each how many events it gave, in the same order.
CREATE OR REPLACE FUNCTION record.append(
    _log_id smallint,
    _journey_id uuid,
    _expected_version integer,
    _event_ids uuid[],
    _event_types text[],
    _schema_versions smallint[],
    _occurred_at timestamptz[],
    _actor_ids text[],
    _actor_roles text[],
    _command_ids uuid[],
    _causation_ids uuid[],
    _payloads bytea[],
    _closes boolean,
    _patient_keys bytea[] DEFAULT NULL,
    _medicine text DEFAULT NULL,
    _rests_on bigint DEFAULT NULL,
    _merges bytea[] DEFAULT NULL,
    _follows bytea DEFAULT NULL,
    _command_events integer[] DEFAULT '{}',
    _commands bytea[] DEFAULT '{}',
    _valid_until timestamptz DEFAULT NULL,
    _parts bytea[] DEFAULT '{}',
    _parts_read bigint DEFAULT NULL,
    _asked bytea[] DEFAULT '{}',
    OUT first_version integer,
    OUT final_version integer,
    OUT final_position bigint,
    OUT final_hash bytea,
    OUT replayed boolean
)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, record, pg_temp
-- Without this, whoever appends one event plans most statements anew each time: a quarter of the server's time.
SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    _count integer := cardinality(_event_ids);
    _contents bytea[];
    _journey_hashes bytea[] := '{}';
    _log_hashes bytea[] := '{}';
    _largest integer;
    _found integer;
    _same boolean;
    _version integer;
    _position bigint;
    _recorded_at timestamptz;
    _latest timestamptz;
    _journey_hash bytea;
    _log_hash bytea;
    _patient_key bytea;
    _other bytea;
    _one patient;
    _two patient;
BEGIN
    IF _count < 1 THEN
        RAISE EXCEPTION 'an append takes at least one event' USING ERRCODE = 'CP003';
    END IF;
    IF _count > 500 THEN
        RAISE EXCEPTION 'too many events at once' USING ERRCODE = 'CP009', DETAIL = format('events,%s,500', _count);
    END IF;
    -- EVENT_LIMIT of workflows/journey/vocabulary/limits.py: what may be decided can be recorded.
    SELECT max(octet_length(p)) INTO _largest FROM unnest(_payloads) AS p;
    IF _largest > 262144 THEN
        RAISE EXCEPTION 'a payload is too large' USING ERRCODE = 'CP009', DETAIL = format('bytes,%s,262144', _largest);
    END IF;
    IF (SELECT count(DISTINCT id) FROM unnest(_event_ids) AS id) <> _count THEN
        RAISE EXCEPTION 'an event id is given twice' USING ERRCODE = 'CP003';
    END IF;

    IF cardinality(_commands) <> cardinality(_command_events)
       OR (cardinality(_commands) > 0 AND (SELECT sum(n) FROM unnest(_command_events) AS n) <> _count) THEN
        RAISE EXCEPTION 'the commands did not give these events' USING ERRCODE = 'CP003';
    END IF;

    -- Hashed before the lock: it reads no table, and others need not wait for it.
    SELECT array_agg(sha256(
               field('carepath/event/1') || field(_journey_id) || field(id) || field(kind)
               || field(schema::bigint) || field(occurred) || field(actor) || field(role)
               || field(command) || field(cause) || field(body)) ORDER BY n)
      INTO _contents
      FROM unnest(_event_ids, _event_types, _schema_versions, _occurred_at, _actor_ids, _actor_roles,
                  _command_ids, _causation_ids, _payloads)
           WITH ORDINALITY AS e (id, kind, schema, occurred, actor, role, command, cause, body, n);

    -- Who is who does not change meanwhile. Taken first: whoever waits for it holds up no other append.
    IF _patient_keys IS NOT NULL OR cardinality(_merges || _asked) > 0 OR cardinality(_parts) > 0 THEN
        PERFORM lock_row(_log_id, 'enrol');
    END IF;
    PERFORM lock_row(_log_id, 'append');

    -- LATERAL with LIMIT allows one plan only, a lookup for each id. A join planned while the log was small
    -- reads all of it, and a session keeps that plan as the log grows.
    SELECT count(*), min(e.version), max(e.version), max(e.position),
           bool_and(e.journey_id = _journey_id AND e.content_hash = g.content)
               AND min(e.version - g.n) = max(e.version - g.n)
      INTO _found, first_version, final_version, final_position, _same
      FROM unnest(_event_ids, _contents) WITH ORDINALITY AS g (id, content, n)
     CROSS JOIN LATERAL (SELECT * FROM journey_event r
                          WHERE r.log_id = _log_id AND r.event_id = g.id LIMIT 1) AS e;
    IF _found > 0 THEN
        IF _found <> _count OR NOT _same THEN
            RAISE EXCEPTION 'these event ids are recorded otherwise' USING ERRCODE = 'CP002';
        END IF;
        SELECT e.journey_hash INTO final_hash
          FROM journey_event e WHERE e.log_id = _log_id AND e.position = final_position;
        replayed := true;
        RETURN;
    END IF;

    SELECT j.version, j.journey_hash, j.patient_key INTO _version, _journey_hash, _patient_key
      FROM journey j WHERE j.log_id = _log_id AND j.journey_id = _journey_id;
    _version := coalesce(_version, 0);
    IF _version IS DISTINCT FROM _expected_version THEN
        RAISE EXCEPTION 'the journey is at another version' USING ERRCODE = 'CP001', DETAIL = _version::text;
    END IF;
    _journey_hash := coalesce(_journey_hash, decode(repeat('00', 32), 'hex'));
    IF _journey_hash <> _follows THEN
        RAISE EXCEPTION 'the journey has other events than were read' USING ERRCODE = 'CP010';
    END IF;

    IF _patient_keys IS NOT NULL THEN
        IF _patient_key <> _patient_keys[1] OR EXISTS (
            SELECT FROM enrolment e WHERE e.log_id = _log_id AND e.journey_id = _journey_id
            HAVING count(*) > 0 AND NOT bool_or(e.patient_keys[1] = _patient_keys[1])) THEN
            RAISE EXCEPTION 'the journey is enrolled for another patient' USING ERRCODE = 'CP003';
        END IF;
        _patient_key := _patient_keys[1];
        PERFORM identify(_log_id, _patient_keys);
        IF EXISTS (SELECT FROM journeys_of(_log_id, _patient_key) j
                    WHERE j.journey_id <> _journey_id AND j.medicine = _medicine AND j.status = 'open') THEN
            RAISE EXCEPTION 'the patient has an open journey with this medicine' USING ERRCODE = 'CP006';
        END IF;
    END IF;
    FOREACH _other IN ARRAY coalesce(_merges, '{}') || _asked LOOP
        PERFORM identify(_log_id, ARRAY[_other]);
        SELECT * INTO _one FROM patient p WHERE p.log_id = _log_id AND p.patient_key = _patient_key;
        SELECT * INTO _two FROM patient p WHERE p.log_id = _log_id AND p.patient_key = _other;
        UPDATE patient p SET known_as = _one.known_as
         WHERE p.log_id = _log_id AND p.known_as = _two.known_as AND _other = ANY (_merges);
        UPDATE patient p SET ever_known_as = _one.ever_known_as
         WHERE p.log_id = _log_id AND p.ever_known_as = _two.ever_known_as;
    END LOOP;
    IF _rests_on IS NOT NULL THEN
        -- Also of those that were one with the patient: until whoever rests on them knows that they are not any more.
        IF EXISTS (SELECT FROM journeys_of(_log_id, _patient_key, true) j
                    WHERE j.journey_id <> _journey_id AND j.last_position > _rests_on) THEN
            RAISE EXCEPTION 'more is known of the patient by now' USING ERRCODE = 'CP007';
        END IF;
    END IF;
    IF cardinality(_parts) > 0 THEN
        PERFORM part(_log_id, _journey_id, _patient_key, _parts, _parts_read);
    END IF;

    SELECT e.position, e.recorded_at, e.log_hash INTO _position, _recorded_at, _log_hash
      FROM journey_event e WHERE e.log_id = _log_id ORDER BY e.position DESC LIMIT 1;
    _position := coalesce(_position, 0);
    _recorded_at := greatest(clock_timestamp(), _recorded_at);
    IF NOT coalesce((SELECT l.demonstration FROM log l WHERE l.log_id = _log_id), false) THEN
        IF _recorded_at > _valid_until THEN
            RAISE EXCEPTION 'what was signed counts no more' USING ERRCODE = 'CP011';
        END IF;
        SELECT max(at) INTO _latest FROM unnest(_occurred_at) AS at;
        IF _latest > _recorded_at THEN
            RAISE EXCEPTION 'an event is dated ahead of the clock'
                USING ERRCODE = 'CP012', DETAIL = extract(epoch FROM _latest - _recorded_at)::text;
        END IF;
    END IF;
    _log_hash := coalesce(_log_hash, decode(repeat('00', 32), 'hex'));

    FOR i IN 1 .. _count LOOP
        _journey_hash := sha256(field('carepath/journey/1') || field(_journey_hash)
                                || field((_version + i)::bigint) || field(_contents[i]));
        _log_hash := sha256(field('carepath/log/1') || field(_log_hash) || field(_log_id::bigint)
                            || field(_position + i) || field(_recorded_at) || field(_journey_hash));
        _journey_hashes := _journey_hashes || _journey_hash;
        _log_hashes := _log_hashes || _log_hash;
    END LOOP;

    INSERT INTO journey_event (
        log_id, position, journey_id, version, event_id, event_type, schema_version, occurred_at, recorded_at,
        actor_id, actor_role, command_id, causation_id, payload, content_hash, journey_hash, log_hash)
    SELECT _log_id, _position + n, _journey_id, _version + n, id, kind, schema, occurred, _recorded_at,
           actor, role, command, cause, body, content, journey_link, log_link
      FROM unnest(_event_ids, _event_types, _schema_versions, _occurred_at, _actor_ids, _actor_roles,
                  _command_ids, _causation_ids, _payloads, _contents, _journey_hashes, _log_hashes)
           WITH ORDINALITY AS e (id, kind, schema, occurred, actor, role, command, cause, body,
                                 content, journey_link, log_link, n);

    INSERT INTO command (log_id, journey_id, version, events, payload)
    SELECT _log_id, _journey_id, _version + 1 + (sum(gave) OVER (ORDER BY n) - gave)::integer, gave, body
      FROM unnest(_command_events, _commands) WITH ORDINALITY AS c (gave, body, n);

    first_version := _version + 1;
    final_version := _version + _count;
    final_position := _position + _count;
    final_hash := _journey_hash;
    replayed := false;

    INSERT INTO journey AS j (log_id, journey_id, version, journey_hash, last_position, status, patient_key, medicine)
    VALUES (_log_id, _journey_id, final_version, _journey_hash, final_position,
            CASE WHEN _closes THEN 'closed' ELSE 'open' END, _patient_key, _medicine)
    ON CONFLICT (log_id, journey_id) DO UPDATE
       SET version = excluded.version,
           journey_hash = excluded.journey_hash,
           last_position = excluded.last_position,
           status = CASE WHEN _closes THEN 'closed' ELSE j.status END;
END
$$;
REVOKE ALL ON FUNCTION record.append FROM PUBLIC;
GRANT EXECUTE ON FUNCTION record.append TO carepath_recorder;
