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

INSERT INTO ledger_places (found_by, chain, first, seqs)
    SELECT id, chain, min(seq), json_group_array(seq ORDER BY seq)
    FROM (
        SELECT id, chain, seq, (row_number() OVER (PARTITION BY id, chain ORDER BY seq) - 1) / 50 AS list
        FROM (
            SELECT grant_id AS id, chain, seq FROM ledger WHERE grant_id IS NOT NULL
            UNION ALL
            SELECT user_id, chain, seq FROM ledger WHERE user_id IS NOT NULL AND user_id IS NOT grant_id
        )
    )
    GROUP BY id, chain, list;
INSERT INTO ledger_placed (chain, seq) SELECT chain, seq FROM ledger_heads;
DROP INDEX ledger_by_grant;
DROP INDEX ledger_by_user;
