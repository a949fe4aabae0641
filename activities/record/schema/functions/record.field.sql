-- The bytes that are hashed; FORMAT.md describes them for independent verifiers. Each is written so that the planner
-- can put it into the statement that asks for it: a call for every field takes a third of an append's time.
CREATE OR REPLACE FUNCTION record.field(bytea) RETURNS bytea
LANGUAGE sql IMMUTABLE AS $$ SELECT coalesce(int4send(octet_length($1)) || $1, int4send(-1)) $$;

-- convert_to is only STABLE, so what uses it may not say more.
CREATE OR REPLACE FUNCTION record.field(text) RETURNS bytea
LANGUAGE sql STABLE AS $$
    SELECT coalesce(int4send(octet_length(convert_to($1, 'UTF8'))) || convert_to($1, 'UTF8'), int4send(-1))
$$;

CREATE OR REPLACE FUNCTION record.field(uuid) RETURNS bytea
LANGUAGE sql IMMUTABLE AS $$ SELECT coalesce(int4send(16) || uuid_send($1), int4send(-1)) $$;

CREATE OR REPLACE FUNCTION record.field(bigint) RETURNS bytea
LANGUAGE sql IMMUTABLE AS $$ SELECT coalesce(int4send(8) || int8send($1), int4send(-1)) $$;

CREATE OR REPLACE FUNCTION record.field(timestamptz) RETURNS bytea
LANGUAGE sql STABLE AS $$
    SELECT coalesce(int4send(8) || int8send((extract(epoch FROM $1) * 1000000)::bigint), int4send(-1))
$$;

REVOKE ALL ON FUNCTION record.field(bytea), record.field(text), record.field(uuid), record.field(bigint),
    record.field(timestamptz) FROM PUBLIC;
