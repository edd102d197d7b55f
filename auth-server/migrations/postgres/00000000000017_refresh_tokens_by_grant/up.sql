-- A family and a token's successors are found among the tokens of their grant, on paths that are seldom gone. An index for each was
-- a page more for every rotation to change.
DROP INDEX refresh_tokens_by_family;
DROP INDEX refresh_tokens_by_predecessor;
