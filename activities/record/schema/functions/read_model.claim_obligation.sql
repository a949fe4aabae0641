-- Claims an open obligation for somebody, and says whose claim is valid: this one, or an earlier one. No row when no
-- obligation of this id is open. Error: CP014 the claim is another person's to make.
CREATE OR REPLACE FUNCTION read_model.claim_obligation(
    _journey_id uuid, _obligation text, _by text, OUT claimed_by text, OUT claimed_at timestamptz
) RETURNS SETOF record
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, read_model, pg_temp AS $$
BEGIN
    PERFORM record.require_own(_by);
    LOOP
        INSERT INTO claim AS k (journey_id, opened_version, obligation, claimed_by)
        SELECT o.journey_id, o.opened_version, o.obligation, _by FROM obligation o
         WHERE o.journey_id = _journey_id AND o.obligation = _obligation AND o.closed_at IS NULL
            ON CONFLICT DO NOTHING;
        SELECT k.claimed_by, k.claimed_at INTO claimed_by, claimed_at
          FROM obligation o
          LEFT JOIN claim k ON (o.journey_id, o.opened_version, o.obligation)
                             = (k.journey_id, k.opened_version, k.obligation)
         WHERE o.journey_id = _journey_id AND o.obligation = _obligation AND o.closed_at IS NULL;
        IF NOT FOUND THEN
            RETURN;
        END IF;
        -- Nobody's if the earlier claim was released in between: then the obligation is free again.
        IF claimed_by IS NOT NULL THEN
            RETURN NEXT;
            RETURN;
        END IF;
    END LOOP;
END
$$;
REVOKE ALL ON FUNCTION read_model.claim_obligation FROM PUBLIC;
GRANT EXECUTE ON FUNCTION read_model.claim_obligation TO carepath_reader, carepath_console;
