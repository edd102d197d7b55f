//! A token as an issuer gives it, and the keys that it publishes: what the validator is measured with. Beside it the bare
//! verification of the same signature by the same library, which no validator can do without.

mod issuer;

use std::sync::Arc;

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ED25519, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
    ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use issuer::Documents;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde::{Deserialize, Serialize};
use serde_json::json;
use shared_claims::status_list::StatusBits;
use shared_claims::validator::{KeySet, Validator};
use shared_claims::{AccessTokenClaims, Clock, ResourceServer};
use time::OffsetDateTime;
use time::macros::datetime;
use tokio::runtime;

const NOW: OffsetDateTime = datetime!(2026-01-01 12:00 UTC);
const ISSUER: &str = "https://issuer.example";
const API: &str = "https://api-b.example";
const STATUS_LIST: &str = "https://issuer.example/oauth/status/0";

#[derive(Serialize, Deserialize)]
pub struct Issued {
    algorithm: Algorithm,
    token: String,
    jwks: String,
    status_list: String,
    public_key: Vec<u8>,
}

/// It is always the same time.
struct Stopped;

impl Clock for Stopped {
    fn now(&self) -> OffsetDateTime {
        NOW
    }
}

impl Issued {
    /// A token from an exchange, signed with a new key.
    pub fn new(algorithm: Algorithm) -> Self {
        let (key, public_key) = new_key(algorithm);
        let name = format!("{algorithm:?}");
        let signed = |typ: &str, claims: &serde_json::Value| {
            let header = json!({ "typ": typ, "alg": name, "kid": "key-1" });
            let message = format!("{}.{}", encode(&header.to_string()), encode(&claims.to_string()));
            let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key, algorithm).unwrap();
            format!("{message}.{signature}")
        };
        let (token, status_list) = (signed("at+jwt", &claims()), signed("statuslist+jwt", &status_list()));

        let mut jwk = serde_json::to_value(Jwk::from_encoding_key(&key, algorithm).unwrap()).unwrap();
        jwk["kid"] = json!("key-1");
        jwk["alg"] = json!(name);
        let jwks = json!({ "keys": [jwk] }).to_string();
        Self { algorithm, token, jwks, status_list, public_key }
    }

    /// All that an API does to know its caller.
    pub fn validation(&self) -> impl Fn() -> AccessTokenClaims {
        let validator = Validator::new(ISSUER, API).unwrap();
        let keys = KeySet::from_jwks(&self.jwks).unwrap();
        move || validator.validate(&self.token, &keys, NOW).unwrap()
    }

    /// The same with a token that the API has seen before, its status bit included.
    pub fn repeated_validation(&self) -> impl Fn() {
        let documents = Documents {
            issuer: ISSUER,
            jwks: self.jwks.clone(),
            status_list: self.status_list.clone(),
            status_list_uri: STATUS_LIST,
        };
        let api = ResourceServer::builder(ISSUER, API).backchannel_url(documents.serve()).clock(Arc::new(Stopped));
        let api = api.build().unwrap();
        let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
        move || drop(runtime.block_on(api.authenticate(&self.token)).unwrap())
    }

    /// Of a validation, what the signature costs: message and signature in bytes, the key parsed before.
    pub fn bare_verification(&self) -> impl Fn() {
        let key = match self.algorithm {
            Algorithm::ES256 => ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &self.public_key),
            Algorithm::EdDSA => ParsedPublicKey::new(&ED25519, &self.public_key),
            _ => ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &self.public_key),
        };
        let key = key.unwrap();
        let (message, signature) = self.token.rsplit_once('.').unwrap();
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        move || key.verify_sig(message.as_bytes(), &signature).unwrap()
    }
}

/// A key that signs, and the bytes of its public half.
fn new_key(algorithm: Algorithm) -> (EncodingKey, Vec<u8>) {
    match algorithm {
        Algorithm::ES256 => {
            let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
            let key = EncodingKey::from_ec_der(pair.to_pkcs8v1().unwrap().as_ref());
            (key, pair.public_key().as_ref().to_vec())
        }
        Algorithm::EdDSA => {
            let pair = Ed25519KeyPair::generate().unwrap();
            let key = EncodingKey::from_ed_der(pair.to_pkcs8v1().unwrap().as_ref());
            (key, pair.public_key().as_ref().to_vec())
        }
        _ => {
            let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
            let pkcs8: Pkcs8V1Der<'_> = pair.as_der().unwrap();
            let lines = base64::engine::general_purpose::STANDARD.encode(pkcs8.as_ref());
            let pem = format!("-----BEGIN PRIVATE KEY-----\n{lines}\n-----END PRIVATE KEY-----\n");
            (EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap(), pair.public_key().as_ref().to_vec())
        }
    }
}

/// What the auth server writes into a token at the first exchange of a chain.
fn claims() -> serde_json::Value {
    let now = NOW.unix_timestamp();
    json!({
        "iss": ISSUER, "sub": "usr_7Jk2mQxV9c", "aud": API, "iat": now - 60, "exp": now + 540,
        "jti": "pZq7cW2nJ5vX8yB1dF4gH6kL9mN0rS3tU-wAeCiOjPQ", "client_id": "api-a", "azp": "api-a",
        "scope": "read:receipts", "auth_time": now - 600, "acr": "1", "amr": ["pwd"], "sid": "ses_4Tn8bR1sKe",
        "txn": "grt_9Lw3hD6yZu", "act": { "sub": "api-a", "client_id": "api-a", "act": { "sub": "demo-app", "client_id": "demo-app" } },
        "status": { "status_list": { "idx": 81_537, "uri": STATUS_LIST } },
    })
}

/// Of 2^17 grants, none of them revoked (Token Status List section 5.1).
fn status_list() -> serde_json::Value {
    let now = NOW.unix_timestamp();
    let list = json!({ "bits": 1, "lst": StatusBits::unset(1 << 17).to_lst() });
    json!({ "sub": STATUS_LIST, "iat": now, "exp": now + 3600, "ttl": 3600, "status_list": list })
}

fn encode(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(text)
}
