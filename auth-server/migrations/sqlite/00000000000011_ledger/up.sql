-- What was issued, refused and revoked, for whom and by whom. Rows are only ever added; each is linked to the one before it in
-- its chain by its hash, and each server writes a chain of its own.
CREATE TABLE ledger (
    chain    TEXT      NOT NULL,
    seq      BIGINT    NOT NULL,
    at       TIMESTAMP NOT NULL,
    kind     TEXT      NOT NULL,
    -- JSON: everything that is on record
    body     TEXT      NOT NULL,
    hash     BLOB NOT NULL,
    -- out of the body, to be found by
    grant_id TEXT,
    user_id  TEXT,
    PRIMARY KEY (chain, seq)
);
CREATE INDEX ledger_by_grant ON ledger (grant_id);
CREATE INDEX ledger_by_user ON ledger (user_id);
CREATE INDEX ledger_by_time ON ledger (at);

-- The last row of each chain, so that it is found without a look at all.
CREATE TABLE ledger_heads (
    chain TEXT   NOT NULL PRIMARY KEY,
    seq   BIGINT NOT NULL,
    -- the last row that another chain has named
    seen  BIGINT NOT NULL,
    hash  BLOB NOT NULL
);
