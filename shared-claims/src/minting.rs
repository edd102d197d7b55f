//! Tokens for tests, really signed: an issuer with a key of each kind, who signs whatever a test wants signed.

use std::sync::{Arc, LazyLock};

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeySize, PrivateDecryptingKey};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};
use time::OffsetDateTime;
use url::Url;
use wiremock::{Mock, MockServer, ResponseTemplate, matchers};

use crate::validator::KeySet;
use crate::{ManualClock, ResourceServer};

pub const NOW: OffsetDateTime = time::macros::datetime!(2026-01-01 12:00 UTC);
pub const ISSUER: &str = "https://issuer.example";
pub const API: &str = "https://api-b.example";
/// The algorithms that the auth server signs with.
pub const ALGORITHMS: [Algorithm; 4] = [Algorithm::RS256, Algorithm::PS256, Algorithm::ES256, Algorithm::EdDSA];

/// One RSA key for all tests of a process: making one takes a while.
static RSA: LazyLock<EncodingKey> = LazyLock::new(rsa);

/// A key that signs with one algorithm.
pub struct Signer {
    pub kid: String,
    pub algorithm: Algorithm,
    key: EncodingKey,
}

impl Signer {
    pub fn new(algorithm: Algorithm) -> Self {
        let key = match algorithm {
            Algorithm::RS256 | Algorithm::PS256 => RSA.clone(),
            Algorithm::ES256 => {
                let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
                EncodingKey::from_ec_der(pair.to_pkcs8v1().unwrap().as_ref())
            }
            Algorithm::EdDSA => {
                let pair = Ed25519KeyPair::generate().unwrap();
                EncodingKey::from_ed_der(pair.to_pkcs8v1().unwrap().as_ref())
            }
            other => unreachable!("no test signs with {other:?}"),
        };
        Self { kid: format!("key-{algorithm:?}"), algorithm, key }
    }

    pub fn named(mut self, kid: &str) -> Self {
        kid.clone_into(&mut self.kid);
        self
    }

    /// The public key as an issuer publishes it.
    pub fn jwk(&self) -> Value {
        let mut jwk = serde_json::to_value(Jwk::from_encoding_key(&self.key, self.algorithm).unwrap()).unwrap();
        jwk["kid"] = json!(self.kid);
        jwk["alg"] = json!(format!("{:?}", self.algorithm));
        jwk["use"] = json!("sig");
        jwk
    }

    pub fn jwks(&self) -> Value {
        json!({ "keys": [self.jwk()] })
    }

    pub fn key_set(&self) -> KeySet {
        KeySet::from_jwks(&self.jwks().to_string()).unwrap()
    }

    /// The header of an access token signed with this key.
    pub fn header(&self) -> Value {
        json!({ "typ": "at+jwt", "alg": format!("{:?}", self.algorithm), "kid": self.kid })
    }

    /// Signs any two texts, however wrong: what is tested is the reader.
    pub fn sign_raw(&self, header: &str, payload: &str) -> String {
        let message = format!("{}.{}", encode(header), encode(payload));
        let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &self.key, self.algorithm).unwrap();
        format!("{message}.{signature}")
    }

    pub fn sign(&self, claims: &Value) -> String {
        self.sign_raw(&self.header().to_string(), &claims.to_string())
    }
}

/// The claims of a good token for [`API`], a minute old and good for nine more.
pub fn claims(now: OffsetDateTime) -> Value {
    let now = now.unix_timestamp();
    json!({
        "iss": ISSUER, "sub": "usr_alice", "aud": API, "iat": now - 60, "exp": now + 540, "jti": "token-1",
        "client_id": "api-a", "scope": "read:receipts", "act": { "sub": "api-a", "client_id": "api-a" },
    })
}

pub fn encode(text: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

fn rsa() -> EncodingKey {
    let key = PrivateDecryptingKey::generate(KeySize::Rsa2048).unwrap();
    let pkcs8: Pkcs8V1Der<'_> = key.as_der().unwrap();
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(pkcs8.as_ref()));
    EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap()
}

/// An issuer that publishes its key over HTTP, and the API's clock.
pub struct Issuer {
    pub server: MockServer,
    pub signer: Signer,
    pub clock: ManualClock,
}

impl Issuer {
    pub async fn start() -> Self {
        let issuer = Self {
            server: MockServer::start().await,
            signer: Signer::new(Algorithm::ES256),
            clock: ManualClock::at(NOW),
        };
        let metadata = json!({
            "issuer": ISSUER, "jwks_uri": format!("{ISSUER}/jwks.json"), "token_endpoint": format!("{ISSUER}/oauth/token"),
        });
        let answers = [("/.well-known/openid-configuration", metadata), ("/jwks.json", issuer.signer.jwks())];
        for (path, body) in answers {
            let answer = ResponseTemplate::new(200).set_body_json(body);
            Mock::given(matchers::path(path)).respond_with(answer).mount(&issuer.server).await;
        }
        issuer
    }

    /// Another key takes the place of the one that there was, which is published no more.
    pub async fn withdraw_key(&self) {
        let other = ResponseTemplate::new(200).set_body_json(Signer::new(Algorithm::ES256).named("another").jwks());
        Mock::given(matchers::path("/jwks.json")).respond_with(other).with_priority(1).mount(&self.server).await;
    }

    /// An issuer whose server answers nothing but 404.
    pub async fn away() -> Self {
        let issuer = Self::start().await;
        issuer.server.reset().await;
        issuer
    }

    /// The API that this issuer's tokens are for, at `http://localhost:9002`.
    pub fn api(&self) -> ResourceServer {
        ResourceServer::builder(ISSUER, API)
            .backchannel_url(Url::parse(&self.server.uri()).unwrap())
            .public_url(Url::parse("http://localhost:9002").unwrap())
            .scopes("read:receipts write:receipts".parse().unwrap())
            .clock(Arc::new(self.clock.clone()))
            .build()
            .unwrap()
    }

    /// A good token, but for one claim.
    pub fn token_with(&self, claim: &str, value: impl Into<Value>) -> String {
        let mut claims = claims(NOW);
        claims[claim] = value.into();
        self.signer.sign(&claims)
    }

    #[cfg(feature = "actix")]
    pub fn token_without(&self, claim: &str) -> String {
        let mut claims = claims(NOW);
        claims.as_object_mut().unwrap().remove(claim);
        self.signer.sign(&claims)
    }

    pub fn token(&self) -> String {
        self.signer.sign(&claims(NOW))
    }
}
