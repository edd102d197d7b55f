DROP INDEX refresh_tokens_by_family;
DROP TABLE status_blocks;
