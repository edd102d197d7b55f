//! Tokens under the magnifying glass: what is in one, and whether it verifies. Written apart from `shared-claims`, so
//! that the harness does not judge the services by their own code.

use anyhow::{Context, Result, bail, ensure};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;
use serde_json::Value;

/// A compact JWT, taken apart but not believed.
#[derive(Clone, Debug)]
pub struct Jwt {
    pub header: Value,
    pub claims: Value,
    pub signature: String,
}

impl Jwt {
    pub fn parse(token: &str) -> Result<Self> {
        let parts: Vec<_> = token.split('.').collect();
        let [header, claims, signature] = parts.as_slice() else { bail!("not a compact JWT") };
        Ok(Self { header: decode(header)?, claims: decode(claims)?, signature: (*signature).to_owned() })
    }

    /// A claim that is a text; empty where there is none.
    #[must_use]
    pub fn text(&self, claim: &str) -> &str {
        self.claims[claim].as_str().unwrap_or_default()
    }

    /// A claim that is a number of seconds; 0 where there is none.
    #[must_use]
    pub fn seconds(&self, claim: &str) -> i64 {
        self.claims[claim].as_i64().unwrap_or_default()
    }

    /// Who acts, outermost first (RFC 8693 section 4.1).
    #[must_use]
    pub fn actors(&self) -> Vec<String> {
        let mut actors = vec![];
        let mut act = &self.claims["act"];
        while let Some(sub) = act["sub"].as_str() {
            actors.push(sub.to_owned());
            act = &act["act"];
        }
        actors
    }

    /// The members of `aud`.
    #[must_use]
    pub fn audience(&self) -> Vec<String> {
        match &self.claims["aud"] {
            Value::Array(members) => members.iter().filter_map(|member| member.as_str().map(str::to_owned)).collect(),
            other => other.as_str().map(str::to_owned).into_iter().collect(),
        }
    }
}

fn decode(part: &str) -> Result<Value> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).context("not base64url")?).context("not JSON")
}

/// The issuer's published keys (RFC 7517).
#[derive(Clone, Debug, Deserialize)]
#[serde(transparent)]
pub struct Jwks(pub JwkSet);

impl Jwks {
    /// The claims of an access token by RFC 9068 that `issuer` signed for `audience`.
    pub fn verify_access_token(&self, token: &str, issuer: &str, audience: &str) -> Result<Value> {
        let parsed = Jwt::parse(token)?;
        ensure!(parsed.header["typ"] == "at+jwt", "typ is {}, not at+jwt (RFC 9068 section 2.1)", parsed.header["typ"]);
        let required = ["iss", "sub", "aud", "exp", "iat", "jti", "client_id"];
        for claim in required {
            ensure!(!parsed.claims[claim].is_null(), "no {claim} (RFC 9068 section 2.2)");
        }
        self.verify(token, &parsed, issuer, audience)
    }

    /// The claims of an ID token that `issuer` signed for `client_id` (`OpenID` Connect Core section 3.1.3.7).
    pub fn verify_id_token(&self, token: &str, issuer: &str, client_id: &str) -> Result<Value> {
        let parsed = Jwt::parse(token)?;
        ensure!(parsed.header["typ"] != "at+jwt", "the ID token says that it is an access token");
        ensure!(parsed.claims["aud"] == client_id, "aud is {}, not {client_id}", parsed.claims["aud"]);
        ensure!(parsed.seconds("iat") > 0, "no iat");
        self.verify(token, &parsed, issuer, client_id)
    }

    fn verify(&self, token: &str, parsed: &Jwt, issuer: &str, audience: &str) -> Result<Value> {
        let kid = parsed.header["kid"].as_str().context("no kid")?;
        let key = self.0.find(kid).with_context(|| format!("no key {kid} in the JWKS"))?;
        let mut validation = Validation::new(algorithm_of(key)?);
        validation.set_issuer(&[issuer]);
        validation.set_audience(&[audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.leeway = 5;
        let verified = jsonwebtoken::decode::<Value>(token, &DecodingKey::from_jwk(key)?, &validation)?;
        Ok(verified.claims)
    }
}

/// The one algorithm that `key` may be used with; the token has no say in it.
fn algorithm_of(key: &Jwk) -> Result<Algorithm> {
    let name = key.common.key_algorithm.context("a key without alg")?.to_string();
    name.parse().with_context(|| format!("a key for {name}"))
}
