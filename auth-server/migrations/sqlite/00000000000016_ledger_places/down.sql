CREATE INDEX ledger_by_user ON ledger (user_id);
CREATE INDEX ledger_by_grant ON ledger (grant_id, at);
DROP TABLE ledger_placed;
DROP TABLE ledger_places;
