-- Says how it stands with a link: used, over, shut (too many codes were tried at all of the person's links of a day), locked
-- (too many were tried at this one), or open.
CREATE OR REPLACE FUNCTION record.link_state(_link record.link) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, record, pg_temp AS $$
    SELECT CASE
        WHEN _link.used_at IS NOT NULL THEN 'used'
        WHEN _link.until <= clock_timestamp() THEN 'over'
        WHEN (SELECT sum(l.tries) FROM link l
               WHERE l.log_id = _link.log_id AND l.journey_id = _link.journey_id AND l.person = _link.person
                 AND l.used_at IS NULL AND l.until > clock_timestamp()
                 AND l.made_at > clock_timestamp() - interval '1 day') >= 15 THEN 'shut'
        WHEN _link.tries >= 5 THEN 'locked'
        ELSE 'open' END
$$;
REVOKE ALL ON FUNCTION record.link_state(record.link) FROM PUBLIC;
