-- The chain over the access log: its entries in the order in which they were sealed, soon after they were made. It is
-- apart from them, because an entry is made by whoever looks: a lock of theirs would keep all others from looking.
CREATE TABLE record.access_seal (
    log_id       smallint    NOT NULL,
    number       bigint      NOT NULL,
    entry_id     uuid        NOT NULL,
    sealed_at    timestamptz NOT NULL,
    content_hash bytea       NOT NULL,
    chain_hash   bytea       NOT NULL,
    PRIMARY KEY (log_id, number),
    UNIQUE (log_id, entry_id)
);
GRANT SELECT ON record.access_seal TO carepath_recorder, carepath_reader, carepath_console;
