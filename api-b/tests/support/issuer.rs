//! An issuer for tests: it publishes its metadata and its key over HTTP, and signs whatever a test wants signed. The tests
//! of API A take it from here too.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use shared_claims::{Clock as _, SystemClock};
use wiremock::matchers::path;
use wiremock::{Mock, MockServer, ResponseTemplate};

pub struct TestIssuer {
    pub server: MockServer,
    key: EncodingKey,
}

impl TestIssuer {
    pub async fn start() -> Self {
        let server = MockServer::start().await;
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let key = EncodingKey::from_ec_der(pair.to_pkcs8v1().unwrap().as_ref());
        let mut jwk = serde_json::to_value(Jwk::from_encoding_key(&key, Algorithm::ES256).unwrap()).unwrap();
        (jwk["kid"], jwk["alg"], jwk["use"]) = (json!("k1"), json!("ES256"), json!("sig"));
        let uri = server.uri();
        let metadata = json!({
            "issuer": uri, "jwks_uri": format!("{uri}/jwks"), "token_endpoint": format!("{uri}/oauth/token"),
        });
        for (at, document) in [("/.well-known/openid-configuration", metadata), ("/jwks", json!({ "keys": [jwk] }))] {
            Mock::given(path(at)).respond_with(ResponseTemplate::new(200).set_body_json(document)).mount(&server).await;
        }
        Self { server, key }
    }

    pub fn uri(&self) -> String {
        self.server.uri()
    }

    /// A good token of `sub` for `audience`, for half an hour.
    pub fn token(&self, sub: &str, audience: &str, scope: &str) -> String {
        self.token_with(sub, audience, scope, &json!({}))
    }

    /// The same with other claims over it.
    pub fn token_with(&self, sub: &str, audience: &str, scope: &str, changes: &Value) -> String {
        let now = SystemClock.now().unix_timestamp();
        let mut claims = json!({
            "iss": self.uri(), "sub": sub, "aud": audience, "iat": now, "exp": now + 1800, "jti": format!("j-{sub}-{scope}"),
            "client_id": "demo-app", "scope": scope, "auth_time": now,
        });
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        let header = Header { typ: Some("at+jwt".into()), kid: Some("k1".into()), ..Header::new(Algorithm::ES256) };
        jsonwebtoken::encode(&header, &claims, &self.key).unwrap()
    }
}
