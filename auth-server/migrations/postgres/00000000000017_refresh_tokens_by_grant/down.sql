CREATE INDEX refresh_tokens_by_predecessor ON refresh_tokens (predecessor);
CREATE INDEX refresh_tokens_by_family ON refresh_tokens (family_id);
