-- The auth server's memory. Times are UTC with microseconds. Opaque secrets (codes, refresh tokens, cookies) are here
-- only as their SHA-256. The same tables in the same words: ../../postgres.

CREATE TABLE users (
    id            TEXT      NOT NULL PRIMARY KEY,
    username      TEXT      NOT NULL,
    -- the username as it is compared: trimmed, in lower case
    username_key  TEXT      NOT NULL UNIQUE,
    -- PHC string (argon2id); NULL: cannot sign in by password
    password_hash TEXT,
    blocked       BOOLEAN   NOT NULL,
    -- JSON: the standard claims of OpenID Connect Core 5.1
    profile       TEXT      NOT NULL,
    -- JSON: API identifier -> scope
    permissions   TEXT      NOT NULL,
    created_at    TIMESTAMP NOT NULL,
    updated_at    TIMESTAMP NOT NULL
);

CREATE TABLE sessions (
    hash            BLOB      NOT NULL PRIMARY KEY,
    -- the public session id, the `sid` of tokens
    sid             TEXT      NOT NULL UNIQUE,
    user_id         TEXT      NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    auth_time       TIMESTAMP NOT NULL,
    acr             TEXT,
    -- JSON: list of method names (RFC 8176)
    amr             TEXT      NOT NULL,
    created_at      TIMESTAMP NOT NULL,
    expires_at      TIMESTAMP NOT NULL,
    idle_expires_at TIMESTAMP NOT NULL,
    address         TEXT,
    user_agent      TEXT
);
CREATE INDEX sessions_by_user ON sessions (user_id);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);
CREATE INDEX sessions_by_idle_expiry ON sessions (idle_expires_at);

CREATE TABLE authorization_requests (
    hash         BLOB      NOT NULL PRIMARY KEY,
    browser_hash BLOB      NOT NULL,
    client_id    TEXT      NOT NULL,
    document     TEXT      NOT NULL,
    consented    BOOLEAN   NOT NULL,
    created_at   TIMESTAMP NOT NULL,
    expires_at   TIMESTAMP NOT NULL
);
CREATE INDEX authorization_requests_by_expiry ON authorization_requests (expires_at);

CREATE TABLE grants (
    id             TEXT      NOT NULL PRIMARY KEY,
    user_id        TEXT      REFERENCES users (id) ON DELETE CASCADE,
    client_id      TEXT      NOT NULL,
    sid            TEXT,
    scope          TEXT      NOT NULL,
    -- the API that the grant was made for
    audience       TEXT,
    auth_time      TIMESTAMP,
    acr            TEXT,
    amr            TEXT      NOT NULL,
    -- JSON: claims that the app asked userinfo for by name
    userinfo_claims TEXT     NOT NULL,
    created_at     TIMESTAMP NOT NULL,
    -- nothing that comes from the grant lives longer
    expires_at     TIMESTAMP NOT NULL,
    revoked_at     TIMESTAMP,
    revoked_reason TEXT,
    -- the grant's place in a Token Status List
    status_index   BIGINT    UNIQUE
);
CREATE INDEX grants_by_user ON grants (user_id);
CREATE INDEX grants_by_client ON grants (client_id);
CREATE INDEX grants_by_session ON grants (sid);
CREATE INDEX grants_by_expiry ON grants (expires_at);

CREATE TABLE authorization_codes (
    hash         BLOB      NOT NULL PRIMARY KEY,
    client_id    TEXT      NOT NULL,
    redirect_uri TEXT      NOT NULL,
    document     TEXT      NOT NULL,
    created_at   TIMESTAMP NOT NULL,
    expires_at   TIMESTAMP NOT NULL,
    consumed_at  TIMESTAMP,
    -- what the code gave, so that a replay can take it back
    grant_id     TEXT      REFERENCES grants (id) ON DELETE CASCADE
);
CREATE INDEX authorization_codes_by_expiry ON authorization_codes (expires_at);
CREATE INDEX authorization_codes_by_grant ON authorization_codes (grant_id);

CREATE TABLE refresh_tokens (
    hash           BLOB      NOT NULL PRIMARY KEY,
    grant_id       TEXT      NOT NULL REFERENCES grants (id) ON DELETE CASCADE,
    -- the hash of the family's first token
    family_id      BLOB      NOT NULL,
    -- the token that was rotated into this one
    predecessor    BLOB,
    client_id      TEXT      NOT NULL,
    api            TEXT,
    scope          TEXT      NOT NULL,
    document       TEXT      NOT NULL,
    -- the access token that was issued together with this token
    access_jti     TEXT,
    created_at     TIMESTAMP NOT NULL,
    expires_at     TIMESTAMP NOT NULL,
    used_at        TIMESTAMP,
    access_used_at TIMESTAMP,
    -- replaced by a sibling, because the answer that carried it seemed lost
    superseded_at  TIMESTAMP
);
CREATE INDEX refresh_tokens_by_grant ON refresh_tokens (grant_id);
CREATE INDEX refresh_tokens_by_predecessor ON refresh_tokens (predecessor);
CREATE INDEX refresh_tokens_by_access_token ON refresh_tokens (access_jti);
CREATE INDEX refresh_tokens_by_expiry ON refresh_tokens (expires_at);

CREATE TABLE consents (
    user_id   TEXT      NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    client_id TEXT      NOT NULL,
    -- '' where the scope belongs to no API (openid, profile, ...)
    api       TEXT      NOT NULL,
    scope     TEXT      NOT NULL,
    given_at  TIMESTAMP NOT NULL,
    PRIMARY KEY (user_id, client_id, api, scope)
);

CREATE TABLE sign_in_counters (
    key           BLOB      NOT NULL PRIMARY KEY,
    attempts      BIGINT    NOT NULL,
    blocked_until TIMESTAMP,
    expires_at    TIMESTAMP NOT NULL
);
CREATE INDEX sign_in_counters_by_expiry ON sign_in_counters (expires_at);

CREATE TABLE signing_keys (
    kid            TEXT      NOT NULL PRIMARY KEY,
    alg            TEXT      NOT NULL,
    -- sealed under the master key
    sealed_private BLOB      NOT NULL,
    public_jwk     TEXT      NOT NULL,
    created_at     TIMESTAMP NOT NULL,
    published_at   TIMESTAMP NOT NULL,
    signs_from     TIMESTAMP NOT NULL,
    signs_until    TIMESTAMP,
    retires_at     TIMESTAMP
);

CREATE TABLE registry_entries (
    kind     TEXT NOT NULL,
    name     TEXT NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (kind, name)
);

-- One row for each thing that every replica holds in memory: a change there raises the number here, in one transaction.
CREATE TABLE versions (
    name    TEXT   NOT NULL PRIMARY KEY,
    version BIGINT NOT NULL
);
INSERT INTO versions (name, version) VALUES ('registry', 0), ('signing_keys', 0), ('readiness', 0);
