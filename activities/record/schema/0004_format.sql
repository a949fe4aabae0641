-- The bytes that are hashed; FORMAT.md describes them for independent verifiers.
CREATE FUNCTION record.field(bytea) RETURNS bytea
LANGUAGE sql IMMUTABLE AS $$ SELECT coalesce(int4send(octet_length($1)) || $1, int4send(-1)) $$;

CREATE FUNCTION record.field(text) RETURNS bytea
LANGUAGE sql IMMUTABLE AS $$ SELECT record.field(convert_to($1, 'UTF8')) $$;

CREATE FUNCTION record.field(uuid) RETURNS bytea
LANGUAGE sql IMMUTABLE AS $$ SELECT record.field(uuid_send($1)) $$;

CREATE FUNCTION record.field(bigint) RETURNS bytea
LANGUAGE sql IMMUTABLE AS $$ SELECT record.field(int8send($1)) $$;

CREATE FUNCTION record.field(timestamptz) RETURNS bytea
LANGUAGE sql STABLE AS $$ SELECT record.field((extract(epoch FROM $1) * 1000000)::bigint) $$;

REVOKE ALL ON FUNCTION record.field(bytea), record.field(text), record.field(uuid), record.field(bigint),
    record.field(timestamptz) FROM PUBLIC;
