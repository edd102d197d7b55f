CREATE TABLE receipts (
    id TEXT NOT NULL PRIMARY KEY,
    -- The user, as tokens name them.
    sub TEXT NOT NULL,
    merchant TEXT NOT NULL,
    amount_cents BIGINT NOT NULL CHECK (amount_cents > 0),
    currency TEXT NOT NULL,
    purchased_on DATE NOT NULL,
    -- The client that asked for the token it was filed with: who acted for the user.
    filed_by TEXT NOT NULL,
    filed_at BIGINT NOT NULL
);

CREATE INDEX receipts_of_user ON receipts (sub, purchased_on);
