//! Steps 1 and 2, seen from the app: the code flow with PKCE (RFC 6749 section 4.1, RFC 7636), `state`, `nonce` and
//! the check of `iss` (RFC 9207).

use anyhow::{Context, Result, bail, ensure};
use aws_lc_rs::{digest, rand};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use url::Url;

use super::{Answer, AuthServer, Callback, Credentials, Landing, Person};
use crate::world;

/// An app that people sign in to.
#[derive(Clone)]
pub struct App {
    pub auth_server: AuthServer,
    pub credentials: Credentials,
    pub redirect_uri: String,
    pub scope: String,
    pub audience: String,
}

/// What a sign-in gives the app (RFC 6749 section 5.1, `OpenID` Connect Core section 3.1.3.3).
#[derive(Clone, Deserialize)]
pub struct Tokens {
    pub access_token: String,
    pub token_type: String,
    pub expires_in: u64,
    #[serde(default)]
    pub scope: String,
    pub refresh_token: Option<String>,
    pub id_token: Option<String>,
}

impl Tokens {
    /// The refresh token, or why the test cannot go on.
    pub fn refresh_token(&self) -> Result<&str> {
        self.refresh_token.as_deref().context("no refresh token was given")
    }

    /// The ID token, or why the test cannot go on.
    pub fn id_token(&self) -> Result<&str> {
        self.id_token.as_deref().context("no ID token was given")
    }
}

/// An authorization request, and what the app keeps until the answer comes.
#[derive(Clone)]
pub struct AuthorizationRequest {
    pub parameters: Vec<(String, String)>,
    pub state: String,
    pub nonce: String,
    pub verifier: String,
}

impl AuthorizationRequest {
    /// The request with `name` set to `value`.
    #[must_use]
    pub fn with(self, name: &str, value: &str) -> Self {
        self.without(name).and(name, value)
    }

    /// The request with one more `name=value`, whether it has one already or not.
    #[must_use]
    pub fn and(mut self, name: &str, value: &str) -> Self {
        self.parameters.push((name.to_owned(), value.to_owned()));
        self
    }

    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.parameters.retain(|(parameter, _)| parameter != name);
        self
    }

    /// The URL that the app sends the browser to.
    #[must_use]
    pub fn url(&self, auth_server: &AuthServer) -> Url {
        let mut url = auth_server.metadata.authorization_endpoint.clone();
        url.query_pairs_mut().extend_pairs(&self.parameters);
        url
    }
}

impl App {
    /// The demo app, as API A at `api_a` serves it.
    pub fn demo(auth_server: &AuthServer, api_a: &Url) -> Result<Self> {
        Ok(Self {
            auth_server: auth_server.clone(),
            credentials: Credentials::public(world::DEMO_APP),
            redirect_uri: api_a.join("callback")?.to_string(),
            scope: "openid profile email offline_access read:reports write:reports".to_owned(),
            audience: world::API_A.to_owned(),
        })
    }

    /// The confidential web app of the demo world.
    #[must_use]
    pub fn demo_web(auth_server: &AuthServer) -> Self {
        Self {
            auth_server: auth_server.clone(),
            credentials: world::demo_web_credentials(),
            redirect_uri: world::DEMO_WEB_REDIRECT_URI.to_owned(),
            scope: "openid profile read:reports".to_owned(),
            audience: world::API_A.to_owned(),
        }
    }

    /// The same app, asking for another scope.
    #[must_use]
    pub fn asking_for(mut self, scope: &str) -> Self {
        scope.clone_into(&mut self.scope);
        self
    }

    /// A fresh request: new `state`, `nonce` and PKCE verifier.
    #[must_use]
    pub fn authorization_request(&self) -> AuthorizationRequest {
        let (state, nonce, verifier) = (random(), random(), random());
        let parameters = [
            ("response_type", "code"),
            ("client_id", self.credentials.client_id()),
            ("redirect_uri", &self.redirect_uri),
            ("scope", &self.scope),
            ("audience", &self.audience),
            ("state", &state),
            ("nonce", &nonce),
            ("code_challenge", &challenge_of(&verifier)),
            ("code_challenge_method", "S256"),
        ];
        let parameters = parameters.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        AuthorizationRequest { parameters, state, nonce, verifier }
    }

    /// Step 1: sends the person to the auth server and sees where they end up.
    pub async fn authorize(&self, request: &AuthorizationRequest, person: &Person) -> Result<Landing> {
        person.walk(request.url(&self.auth_server), &self.redirect_uri).await
    }

    /// The code in a callback that belongs to `request`: `state` (RFC 6749 section 10.12) and `iss` (RFC 9207) agree.
    pub fn code_from(&self, callback: &Callback, request: &AuthorizationRequest) -> Result<String> {
        ensure!(callback.get("state") == Some(&request.state), "the answer's state is not the request's");
        let issuer = callback.get("iss").context("the answer names no iss (RFC 9207)")?;
        ensure!(issuer == self.auth_server.issuer(), "the answer comes from {issuer}");
        if let Some(error) = callback.get("error") {
            bail!("{error}: {}", callback.get("error_description").unwrap_or("without a description"));
        }
        callback.code().map(str::to_owned)
    }

    /// Step 2: redeems a code (RFC 6749 section 4.1.3).
    pub async fn redeem(&self, code: &str, verifier: &str) -> Result<Answer> {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &self.redirect_uri),
            ("code_verifier", verifier),
        ];
        self.auth_server.token(&self.credentials, &form).await
    }

    /// Steps 1 and 2 up to the code: a person signs in and the app holds a code that nobody redeemed yet.
    pub async fn obtain_code(&self, person: &Person) -> Result<(String, AuthorizationRequest)> {
        let request = self.authorization_request();
        let callback = self.authorize(&request, person).await?.callback()?;
        Ok((self.code_from(&callback, &request)?, request))
    }

    /// Steps 1 and 2: a person signs in and the app gets tokens.
    pub async fn sign_in(&self, person: &Person) -> Result<Tokens> {
        let (code, request) = self.obtain_code(person).await?;
        let tokens: Tokens = self.redeem(&code, &request.verifier).await?.expect_status(200)?.read()?;
        self.check_id_token(&tokens, &request).await?;
        Ok(tokens)
    }

    /// The same with `prompt=consent`, as the demo app asks for it when consent is missing.
    pub async fn sign_in_for_consent(&self, person: &Person) -> Result<Tokens> {
        let request = self.authorization_request().with("prompt", "consent");
        let callback = self.authorize(&request, person).await?.callback()?;
        let code = self.code_from(&callback, &request)?;
        self.redeem(&code, &request.verifier).await?.expect_status(200)?.read()
    }

    /// The ID token is ours: signed by the issuer, for this app, and for this very request (OIDC Core 3.1.3.7).
    pub async fn check_id_token(&self, tokens: &Tokens, request: &AuthorizationRequest) -> Result<()> {
        let keys = self.auth_server.jwks().await?;
        let claims =
            keys.verify_id_token(tokens.id_token()?, self.auth_server.issuer(), self.credentials.client_id())?;
        ensure!(claims["nonce"] == request.nonce.as_str(), "the ID token's nonce is not the request's");
        let expected = half_hash(tokens.id_token()?, &tokens.access_token)?;
        ensure!(claims["at_hash"] == expected.as_str(), "the ID token's at_hash is not the access token's");
        Ok(())
    }

    /// Trades a refresh token for new tokens (RFC 6749 section 6).
    pub async fn refresh(&self, refresh_token: &str) -> Result<Answer> {
        let form = [("grant_type", "refresh_token"), ("refresh_token", refresh_token)];
        self.auth_server.token(&self.credentials, &form).await
    }
}

/// `at_hash`: the left half of the hash of the ID token's algorithm (`OpenID` Connect Core section 3.1.3.6).
fn half_hash(id_token: &str, access_token: &str) -> Result<String> {
    let algorithm = match jsonwebtoken::decode_header(id_token)?.alg {
        jsonwebtoken::Algorithm::EdDSA => &digest::SHA512,
        _ => &digest::SHA256,
    };
    let hash = digest::digest(algorithm, access_token.as_bytes());
    Ok(URL_SAFE_NO_PAD.encode(&hash.as_ref()[..hash.as_ref().len() / 2]))
}

/// The S256 challenge of a verifier (RFC 7636 section 4.2).
#[must_use]
pub(crate) fn challenge_of(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, verifier.as_bytes()))
}

/// 43 characters that nobody can guess.
fn random() -> String {
    let mut bytes = [0; 32];
    // aws-lc aborts rather than hand out bytes that are not random, so there is no error to act on.
    let _ = rand::fill(&mut bytes);
    URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_challenge_is_the_one_of_rfc_7636_appendix_b() {
        let challenge = challenge_of("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
        assert_eq!(challenge, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }
}
