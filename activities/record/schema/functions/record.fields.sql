-- The bytes of a list that are hashed: how many there are, and each.
CREATE OR REPLACE FUNCTION record.fields(text[]) RETURNS bytea
LANGUAGE sql STABLE SET search_path = pg_catalog, record, pg_temp AS $$
    SELECT field(cardinality($1)::bigint) || coalesce(string_agg(field(part), ''::bytea ORDER BY n), ''::bytea)
      FROM unnest($1) WITH ORDINALITY AS parts (part, n)
$$;
REVOKE ALL ON FUNCTION record.fields(text[]) FROM PUBLIC;
