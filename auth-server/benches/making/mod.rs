//! What tokens are made of at the first exchange of a chain, and a key to sign them. Beside it the bare signature over as
//! long a text by the same library, which no way of making tokens can do without.

use std::hint::black_box;
use std::sync::Arc;

use auth_server::registry::SigningAlgorithm;
use auth_server::tokens::{
    AccessTokenRequest, GrantContext, IdTokenRequest, IssuedAccessToken, KeyRing, OwnTokens, PublishedKey, SignIn,
    SigningKey, StatusIndex, sign_access_token, sign_id_token,
};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair as RsaKeyPair;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RSA_PKCS1_SHA256};
use serde_json::json;
use shared_claims::Audience;
use time::macros::datetime;
use time::{Duration, OffsetDateTime};

const NOW: OffsetDateTime = datetime!(2026-01-01 12:00 UTC);
const ISSUER: &str = "https://issuer.example";

pub struct Making {
    context: GrantContext,
    request: AccessTokenRequest,
    ring: KeyRing,
    private_key: Vec<u8>,
}

impl Making {
    /// A private key, PKCS#8.
    pub fn new_key(algorithm: SigningAlgorithm) -> Vec<u8> {
        SigningKey::generate(algorithm).unwrap().1.to_vec()
    }

    pub fn by(algorithm: SigningAlgorithm, private_key: &[u8]) -> Self {
        let key = SigningKey::from_pkcs8(algorithm, private_key).unwrap();
        let key = PublishedKey { key: Arc::new(key), signs_from: NOW, signs_until: None, retires_at: None };
        let sign_in =
            SignIn { sid: "ses_4Tn8bR1sKe".into(), auth_time: NOW, acr: Some("1".into()), amr: vec!["pwd".into()] };
        let act =
            json!({ "sub": "api-a", "client_id": "api-a", "act": { "sub": "demo-app", "client_id": "demo-app" } });
        Self {
            context: GrantContext {
                sub: "usr_7Jk2mQxV9c".into(),
                txn: "grt_9Lw3hD6yZu".into(),
                sign_in: Some(sign_in),
                status: Some(StatusIndex(81_537)),
            },
            request: AccessTokenRequest {
                audience: Audience::from_iter(["https://api-b.example"]),
                client_id: "api-a".into(),
                scope: "read:receipts".parse().unwrap(),
                act: Some(serde_json::from_value(act).unwrap()),
                may_act: None,
                cnf: None,
                algorithm,
                expires_at: NOW + Duration::minutes(10),
            },
            ring: KeyRing::at(NOW, [key]).unwrap(),
            private_key: private_key.to_vec(),
        }
    }

    pub fn access_token(&self) -> IssuedAccessToken {
        sign_access_token(ISSUER, &self.context, self.request.clone(), &self.ring, NOW).unwrap()
    }

    /// The check of a token that this server made not long ago, and knows by its hash.
    pub fn recognition(&self) -> impl Fn() {
        let (own_tokens, token) = (OwnTokens::of(ISSUER).unwrap(), self.access_token());
        own_tokens.recognise(&token);
        move || drop(own_tokens.verify(&token.text, &self.ring, NOW).unwrap())
    }

    /// The ID token that goes with the access token `access_token`.
    pub fn id_token(&self, access_token: &str) -> String {
        let request = IdTokenRequest {
            client_id: "api-a",
            nonce: None,
            access_token,
            profile: serde_json::Map::new(),
            algorithm: self.request.algorithm,
        };
        sign_id_token(ISSUER, &self.context, request, &self.ring, NOW).unwrap()
    }

    /// Signs what `token` signs: the key parsed before, nothing written.
    pub fn bare_signature(&self, token: &str) -> Box<dyn Fn()> {
        let message = token.rsplit_once('.').unwrap().0.as_bytes().to_vec();
        let random = SystemRandom::new();
        match self.request.algorithm {
            SigningAlgorithm::ES256 => {
                let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &self.private_key).unwrap();
                Box::new(move || {
                    black_box(pair.sign(&random, &message).unwrap());
                })
            }
            SigningAlgorithm::EdDSA => {
                let pair = Ed25519KeyPair::from_pkcs8(&self.private_key).unwrap();
                Box::new(move || {
                    black_box(pair.sign(&message));
                })
            }
            SigningAlgorithm::RS256 | SigningAlgorithm::PS256 => {
                let pair = RsaKeyPair::from_pkcs8(&self.private_key).unwrap();
                Box::new(move || {
                    let mut signature = vec![0; pair.public_modulus_len()];
                    pair.sign(&RSA_PKCS1_SHA256, &random, &message, &mut signature).unwrap();
                })
            }
        }
    }
}
