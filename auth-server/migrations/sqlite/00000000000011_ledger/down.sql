DROP TABLE ledger_heads;
DROP TABLE ledger;
