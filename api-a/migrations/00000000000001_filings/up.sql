-- What was filed through this API, and for whom. The receipts themselves lie at API B.
CREATE TABLE filings (
    receipt_id TEXT NOT NULL PRIMARY KEY,
    -- The user, as tokens name them.
    sub TEXT NOT NULL,
    -- The app that the user signed in to.
    client_id TEXT NOT NULL,
    filed_at BIGINT NOT NULL
);

CREATE INDEX filings_of_user ON filings (sub);
