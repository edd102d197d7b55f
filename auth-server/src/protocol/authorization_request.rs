//! The authorization request (RFC 6749 section 4.1.1, OIDC Core section 3.1.2.1, RFC 7636, RFC 8707).
//!
//! Read in two phases, for the sake of where an error may go. First the [`Addressee`]: until client and redirect URI
//! are known to be right, the person gets a page and nobody is redirected (RFC 6749 section 4.1.2.1). Then
//! [`AuthorizationRequest::read`], whose errors travel to the app by [`ReplyTo`](super::ReplyTo).

use secrecy::SecretString;
use shared_claims::Scope;
use shared_claims::dpop::is_thumbprint;
use time::Duration;

use super::claims_parameter::RequestedClaims;
use super::error::{ErrorCode, OAuthError};
use super::parameters::Parameters;
use super::pkce::CodeChallenge;
use super::prompt::Prompt;
use super::response_mode::ResponseMode;
use super::target::Target;

/// Parameters that may come only once (RFC 6749 section 3.1). `audience` and `resource` are judged by [`Target`].
const ONCE: [&str; 21] = [
    "response_type",
    "client_id",
    "redirect_uri",
    "scope",
    "state",
    "nonce",
    "prompt",
    "max_age",
    "login_hint",
    "response_mode",
    "code_challenge",
    "code_challenge_method",
    "dpop_jkt",
    "acr_values",
    "ui_locales",
    "claims_locales",
    "display",
    "id_token_hint",
    "claims",
    "request",
    "request_uri",
];

/// It becomes part of the ID token.
const MAX_NONCE: usize = 1024;

/// Phase one: who asks, and where the answer should go. Nothing here has been compared with the registry yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addressee {
    pub client_id: String,
    pub redirect_uri: Option<String>,
}

impl Addressee {
    /// An error is shown to the person as a page.
    pub fn read(parameters: &Parameters) -> Result<Self, OAuthError> {
        Ok(Self {
            client_id: parameters.required("client_id")?.to_owned(),
            redirect_uri: parameters.one("redirect_uri")?.map(str::to_owned),
        })
    }
}

/// Phase two: what is asked for, every parameter in its type. `response_type` is always `code`.
#[derive(Clone, Debug)]
pub struct AuthorizationRequest {
    pub client_id: String,
    /// As it was sent: the token request must repeat it if, and only if, it was (RFC 6749 section 4.1.3).
    pub redirect_uri: Option<String>,
    /// Empty where none was sent.
    pub scope: Scope,
    pub nonce: Option<String>,
    pub prompt: Prompt,
    pub max_age: Option<Duration>,
    pub login_hint: Option<String>,
    pub target: Option<Target>,
    pub code_challenge: Option<CodeChallenge>,
    /// The key that alone may redeem the code (RFC 9449 section 10).
    pub dpop_jkt: Option<String>,
    /// In order of preference.
    pub acr_values: Vec<String>,
    /// In order of preference.
    pub ui_locales: Vec<String>,
    pub id_token_hint: Option<SecretString>,
    pub claims: RequestedClaims,
}

impl AuthorizationRequest {
    /// An error travels to the app by redirect. `display` and `claims_locales` are accepted and have no effect.
    pub fn read(parameters: &Parameters) -> Result<Self, OAuthError> {
        parameters.refuse_repeated(&ONCE)?;
        refuse_request_objects(parameters)?;
        check_response_type(parameters)?;
        check_response_mode(parameters)?;
        let addressee = Addressee::read(parameters)?;
        Ok(Self {
            client_id: addressee.client_id,
            redirect_uri: addressee.redirect_uri,
            scope: read_scope(parameters)?,
            nonce: read_nonce(parameters)?,
            prompt: parameters.one("prompt")?.map_or_else(|| Ok(Prompt::default()), Prompt::parse)?,
            max_age: read_max_age(parameters)?,
            login_hint: parameters.one("login_hint")?.map(str::to_owned),
            target: Target::read(parameters)?,
            code_challenge: CodeChallenge::read(parameters)?,
            dpop_jkt: read_dpop_jkt(parameters)?,
            acr_values: read_list(parameters, "acr_values")?,
            ui_locales: read_list(parameters, "ui_locales")?,
            id_token_hint: parameters.one("id_token_hint")?.map(SecretString::from),
            claims: parameters.one("claims")?.map_or_else(|| Ok(RequestedClaims::default()), RequestedClaims::parse)?,
        })
    }
}

/// OIDC Core sections 6 and 7.2.1. Comes first: with a request object, the other parameters may be missing.
fn refuse_request_objects(parameters: &Parameters) -> Result<(), OAuthError> {
    for (name, code, reason) in [
        ("request", ErrorCode::RequestNotSupported, "request_not_supported"),
        ("request_uri", ErrorCode::RequestUriNotSupported, "request_uri_not_supported"),
        ("registration", ErrorCode::RegistrationNotSupported, "registration_not_supported"),
    ] {
        if parameters.one(name)?.is_some() {
            return Err(OAuthError::new(code, reason, format!("the parameter '{name}' is not supported")));
        }
    }
    Ok(())
}

/// RFC 6749 section 3.1.1. The implicit and hybrid flows would put tokens into URLs (RFC 9700 section 2.1.2).
fn check_response_type(parameters: &Parameters) -> Result<(), OAuthError> {
    match parameters.one("response_type")? {
        Some("code") => Ok(()),
        Some(other) => Err(OAuthError::new(
            ErrorCode::UnsupportedResponseType,
            "response_type_not_supported",
            format!("the response_type '{other}' is not supported: use 'code'"),
        )),
        None => Err(OAuthError::invalid_request("response_type_missing", "the parameter 'response_type' is missing")),
    }
}

fn check_response_mode(parameters: &Parameters) -> Result<(), OAuthError> {
    parameters.one("response_mode")?.map_or(Ok(()), |mode| ResponseMode::parse(mode).map(drop))
}

/// RFC 6749 section 3.3.
fn read_scope(parameters: &Parameters) -> Result<Scope, OAuthError> {
    parameters.one("scope")?.unwrap_or_default().parse().map_err(|invalid: shared_claims::scope::InvalidScope| {
        OAuthError::invalid_scope("scope_malformed", invalid.to_string())
    })
}

fn read_nonce(parameters: &Parameters) -> Result<Option<String>, OAuthError> {
    match parameters.one("nonce")? {
        Some(nonce) if nonce.len() > MAX_NONCE => {
            Err(OAuthError::invalid_request("nonce_too_long", format!("a nonce may have at most {MAX_NONCE} bytes")))
        }
        nonce => Ok(nonce.map(str::to_owned)),
    }
}

fn read_dpop_jkt(parameters: &Parameters) -> Result<Option<String>, OAuthError> {
    match parameters.one("dpop_jkt")? {
        Some(jkt) if !is_thumbprint(jkt) => Err(OAuthError::invalid_request(
            "dpop_jkt_malformed",
            "dpop_jkt is the SHA-256 thumbprint of a key, in base64url (RFC 7638)",
        )),
        jkt => Ok(jkt.map(str::to_owned)),
    }
}

/// Seconds, not negative (OIDC Core section 3.1.2.1).
fn read_max_age(parameters: &Parameters) -> Result<Option<Duration>, OAuthError> {
    let Some(text) = parameters.one("max_age")? else { return Ok(None) };
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse::<u32>() {
        Ok(seconds) if digits => Ok(Some(Duration::seconds(seconds.into()))),
        _ => Err(OAuthError::invalid_request("max_age_malformed", "max_age is a whole number of seconds, 0 or more")),
    }
}

fn read_list(parameters: &Parameters, name: &str) -> Result<Vec<String>, OAuthError> {
    let text = parameters.one(name)?.unwrap_or_default();
    Ok(text.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect())
}

#[cfg(test)]
mod tests;
