DROP INDEX ledger_by_grant;
CREATE INDEX ledger_by_grant ON ledger (grant_id);
