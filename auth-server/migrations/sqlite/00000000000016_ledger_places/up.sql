-- Where the rows of a grant and those of a user are. They are noted many at a time, beside the commits that add rows: with
-- indexes, each row would change a page for its grant and one for its user.
CREATE TABLE ledger_places (
    -- the id of a grant or of a user
    found_by TEXT   NOT NULL,
    chain    TEXT   NOT NULL,
    -- the first of them
    first    BIGINT NOT NULL,
    -- JSON: a list of rows, in their order
    seqs     TEXT   NOT NULL,
    PRIMARY KEY (found_by, chain, first)
) WITHOUT ROWID;
-- Up to which row of each chain that is done.
CREATE TABLE ledger_placed (
    chain TEXT   NOT NULL PRIMARY KEY,
    seq   BIGINT NOT NULL
);
-- The rows behind, chain by chain (CROSS JOIN: in this order).
CREATE VIEW ledger_not_placed (chain, seq, grant_id, user_id) AS
    SELECT ledger.chain, ledger.seq, ledger.grant_id, ledger.user_id
    FROM ledger_heads AS head
    LEFT JOIN ledger_placed AS placed ON placed.chain = head.chain
    CROSS JOIN ledger
    WHERE head.seq > coalesce(placed.seq, -1)
        AND ledger.chain = head.chain AND ledger.seq > coalesce(placed.seq, -1);
-- All rows, by what they are found by.
CREATE VIEW ledger_found (found_by, chain, seq) AS
    SELECT found_by, chain, seq.value FROM ledger_places CROSS JOIN json_each(ledger_places.seqs) AS seq
    UNION ALL SELECT grant_id, chain, seq FROM ledger_not_placed
    UNION ALL SELECT user_id, chain, seq FROM ledger_not_placed;

INSERT INTO ledger_places (found_by, chain, first, seqs)
    SELECT id, chain, min(seq), json_group_array(seq ORDER BY seq)
    FROM (
        SELECT grant_id AS id, chain, seq FROM ledger WHERE grant_id IS NOT NULL
        UNION SELECT user_id, chain, seq FROM ledger WHERE user_id IS NOT NULL
    )
    GROUP BY id, chain, seq / 50;
INSERT INTO ledger_placed (chain, seq) SELECT chain, seq FROM ledger_heads;
DROP INDEX ledger_by_grant;
DROP INDEX ledger_by_user;
