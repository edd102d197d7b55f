//! The tables as diesel sees them: the same on SQLite and PostgreSQL. They are made by `migrations/`.

diesel::table! {
    users (id) {
        id -> Text,
        username -> Text,
        username_key -> Text,
        password_hash -> Nullable<Text>,
        blocked -> Bool,
        profile -> Text,
        permissions -> Text,
        created_at -> Timestamp,
        updated_at -> Timestamp,
    }
}

diesel::table! {
    sessions (hash) {
        hash -> Binary,
        sid -> Text,
        user_id -> Text,
        auth_time -> Timestamp,
        acr -> Nullable<Text>,
        amr -> Text,
        created_at -> Timestamp,
        expires_at -> Timestamp,
        idle_expires_at -> Timestamp,
        address -> Nullable<Text>,
        user_agent -> Nullable<Text>,
    }
}

diesel::table! {
    authorization_requests (hash) {
        hash -> Binary,
        browser_hash -> Binary,
        client_id -> Text,
        document -> Text,
        consented -> Bool,
        created_at -> Timestamp,
        expires_at -> Timestamp,
    }
}

diesel::table! {
    grants (id) {
        id -> Text,
        user_id -> Nullable<Text>,
        client_id -> Text,
        sid -> Nullable<Text>,
        scope -> Text,
        audience -> Nullable<Text>,
        auth_time -> Nullable<Timestamp>,
        acr -> Nullable<Text>,
        amr -> Text,
        userinfo_claims -> Text,
        created_at -> Timestamp,
        expires_at -> Timestamp,
        revoked_at -> Nullable<Timestamp>,
        revoked_reason -> Nullable<Text>,
        status_index -> Nullable<BigInt>,
    }
}

diesel::table! {
    authorization_codes (hash) {
        hash -> Binary,
        client_id -> Text,
        redirect_uri -> Text,
        document -> Text,
        created_at -> Timestamp,
        expires_at -> Timestamp,
        consumed_at -> Nullable<Timestamp>,
        grant_id -> Nullable<Text>,
    }
}

diesel::table! {
    refresh_tokens (hash) {
        hash -> Binary,
        grant_id -> Text,
        family_id -> Binary,
        predecessor -> Nullable<Binary>,
        client_id -> Text,
        api -> Nullable<Text>,
        scope -> Text,
        document -> Text,
        access_jti -> Nullable<Text>,
        created_at -> Timestamp,
        expires_at -> Timestamp,
        used_at -> Nullable<Timestamp>,
        access_used_at -> Nullable<Timestamp>,
        superseded_at -> Nullable<Timestamp>,
    }
}

diesel::table! {
    consents (user_id, client_id, api, scope) {
        user_id -> Text,
        client_id -> Text,
        api -> Text,
        scope -> Text,
        given_at -> Timestamp,
    }
}

diesel::table! {
    proofs (hash) {
        hash -> Binary,
        expires_at -> Timestamp,
    }
}

diesel::table! {
    sign_in_counters (key) {
        key -> Binary,
        attempts -> BigInt,
        blocked_until -> Nullable<Timestamp>,
        expires_at -> Timestamp,
    }
}

diesel::table! {
    signing_keys (kid) {
        kid -> Text,
        alg -> Text,
        sealed_private -> Binary,
        public_jwk -> Text,
        created_at -> Timestamp,
        published_at -> Timestamp,
        signs_from -> Timestamp,
        signs_until -> Nullable<Timestamp>,
        retires_at -> Nullable<Timestamp>,
    }
}

diesel::table! {
    registry_entries (kind, name) {
        kind -> Text,
        name -> Text,
        document -> Text,
    }
}

diesel::table! {
    versions (name) {
        name -> Text,
        version -> BigInt,
    }
}

diesel::table! {
    pairing_consents (user_id, client_id, source, target, scope) {
        user_id -> Text,
        client_id -> Text,
        source -> Text,
        target -> Text,
        scope -> Text,
        given_at -> Timestamp,
    }
}

diesel::table! {
    status_blocks (block) {
        block -> BigInt,
        reserved_at -> Timestamp,
    }
}

diesel::table! {
    ledger (chain, seq) {
        chain -> Text,
        seq -> BigInt,
        at -> Timestamp,
        kind -> Text,
        body -> Text,
        hash -> Binary,
        grant_id -> Nullable<Text>,
        user_id -> Nullable<Text>,
    }
}

diesel::table! {
    ledger_heads (chain) {
        chain -> Text,
        seq -> BigInt,
        seen -> BigInt,
        hash -> Binary,
    }
}

diesel::table! {
    ledger_beginnings (chain) {
        chain -> Text,
        seq -> BigInt,
        hash -> Binary,
    }
}

diesel::table! {
    ledger_deliveries (chain) {
        chain -> Text,
        delivered_seq -> BigInt,
        claimed_by -> Text,
        claimed_until -> Timestamp,
    }
}

diesel::allow_tables_to_appear_in_same_query!(grants, users, refresh_tokens);
diesel::allow_tables_to_appear_in_same_query!(ledger_heads, ledger_beginnings, ledger_deliveries);
