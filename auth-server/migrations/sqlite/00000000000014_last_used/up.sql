-- When something was last given from a grant is asked by the account page.
DROP INDEX ledger_by_grant;
CREATE INDEX ledger_by_grant ON ledger (grant_id, at);
