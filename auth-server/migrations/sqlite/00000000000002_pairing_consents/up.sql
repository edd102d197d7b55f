-- What a user has agreed that one API may do at another on their behalf, when a client calls.
CREATE TABLE pairing_consents (
    user_id   TEXT      NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    client_id TEXT      NOT NULL,
    source    TEXT      NOT NULL,
    target    TEXT      NOT NULL,
    scope     TEXT      NOT NULL,
    given_at  TIMESTAMP NOT NULL,
    PRIMARY KEY (user_id, client_id, source, target, scope)
);
