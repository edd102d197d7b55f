-- Which runs of status indices a server has taken for the grants that it makes, so that no two give the same.
CREATE TABLE status_blocks (
    block       BIGINT    NOT NULL PRIMARY KEY,
    reserved_at TIMESTAMP NOT NULL
);

CREATE INDEX refresh_tokens_by_family ON refresh_tokens (family_id);
