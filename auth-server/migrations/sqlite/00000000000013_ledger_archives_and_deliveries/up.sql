-- Where a chain begins in this database, once rows of it were archived: the last row that is in a file.
CREATE TABLE ledger_beginnings (
    chain TEXT   NOT NULL PRIMARY KEY,
    seq   BIGINT NOT NULL,
    hash  BLOB   NOT NULL
);

-- How far each chain was delivered to the sink, and which server does that now.
CREATE TABLE ledger_deliveries (
    chain         TEXT      NOT NULL PRIMARY KEY,
    -- the last row that was acknowledged; -1: none yet
    delivered_seq BIGINT    NOT NULL,
    -- the server, by its own chain, and for how long it is that
    claimed_by    TEXT      NOT NULL,
    claimed_until TIMESTAMP NOT NULL
);
