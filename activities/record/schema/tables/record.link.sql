-- The links in messages, by the hash of their token: each lets one person, once, at what one notice is about. Nobody reads
-- them but by a hash. tries: how often a code was given; codes: how often one was sent. code: the slow hash of the last.
CREATE TABLE record.link (
    log_id     smallint    NOT NULL,
    hash       bytea       NOT NULL CHECK (octet_length(hash) = 32),
    link_id    uuid        NOT NULL,
    notice_id  uuid        NOT NULL,
    journey_id uuid        NOT NULL,
    role       text        NOT NULL,
    person     text        NOT NULL,
    point      text        NOT NULL,
    made_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    until      timestamptz NOT NULL,
    tries      integer     NOT NULL DEFAULT 0,
    codes      integer     NOT NULL DEFAULT 0,
    asked_at   timestamptz,
    code       bytea,
    code_until timestamptz,
    used_at    timestamptz,
    PRIMARY KEY (log_id, hash),
    UNIQUE (log_id, link_id)
);
CREATE INDEX link_person ON record.link (log_id, journey_id, person);
CREATE INDEX link_until ON record.link (log_id, until);
