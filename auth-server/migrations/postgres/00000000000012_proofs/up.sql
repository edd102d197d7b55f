-- Proofs of possession that were shown and could be accepted again (RFC 9449 section 11.1): each is good for one request.
CREATE TABLE proofs (
    hash       BYTEA      NOT NULL PRIMARY KEY,
    expires_at TIMESTAMP NOT NULL
);
CREATE INDEX proofs_by_expiry ON proofs (expires_at);
