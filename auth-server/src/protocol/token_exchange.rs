//! The token exchange request (RFC 8693 section 2.1), every parameter in its type.
//!
//! Read strictly: an empty, repeated or unknown value is refused, never read past, since silence here would ask for
//! something else. Whether the subject token is any good, and what it may become, is decided in `exchange`.

use secrecy::SecretString;
use shared_claims::Scope;

use super::bearer::is_b64token;
use super::error::OAuthError;
use super::parameters::Parameters;
use super::target::Target;
use super::token_type::TokenType;

/// Parameters that may come only once. `audience` and `resource` are judged by [`Target`].
const ONCE: [&str; 9] = [
    "grant_type",
    "subject_token",
    "subject_token_type",
    "actor_token",
    "actor_token_type",
    "requested_token_type",
    "scope",
    "client_id",
    "client_secret",
];

/// What an API asks for when it wants to call another API on behalf of a user.
#[derive(Clone, Debug)]
pub struct ExchangeRequest {
    pub subject_token: SecretString,
    /// `AccessToken` or `Jwt`: both mean one of our access tokens, which are JWTs.
    pub subject_token_type: TokenType,
    pub target: Option<Target>,
    /// `None`: the pairing's defaults.
    pub scope: Option<Scope>,
    /// `AccessToken` or `Jwt`; what was asked for is what `issued_token_type` answers. Without one, an access token.
    pub requested_token_type: TokenType,
}

impl ExchangeRequest {
    pub fn read(parameters: &Parameters) -> Result<Self, OAuthError> {
        parameters.refuse_repeated(&ONCE)?;
        refuse_actor_token(parameters)?;
        Ok(Self {
            subject_token: read_subject_token(parameters)?,
            subject_token_type: read_subject_token_type(parameters)?,
            requested_token_type: read_requested_token_type(parameters)?,
            target: Target::read(parameters)?,
            scope: read_scope(parameters)?,
        })
    }
}

/// The token as it is, without `Bearer ` before it. That it is one of ours is for its verification to find out.
fn read_subject_token(parameters: &Parameters) -> Result<SecretString, OAuthError> {
    match parameters.one("subject_token")? {
        None => Err(OAuthError::invalid_request("subject_token_missing", "the parameter 'subject_token' is missing")),
        Some(token) if is_b64token(token) => Ok(token.into()),
        Some(_) => Err(OAuthError::invalid_request(
            "subject_token_malformed",
            "the subject_token is not a token: send it bare, without 'Bearer' and without spaces",
        )),
    }
}

fn read_subject_token_type(parameters: &Parameters) -> Result<TokenType, OAuthError> {
    let Some(name) = parameters.one("subject_token_type")? else {
        return Err(OAuthError::invalid_request(
            "subject_token_type_missing",
            "the parameter 'subject_token_type' is missing",
        ));
    };
    access_token_type(name).ok_or_else(|| {
        OAuthError::invalid_request(
            "subject_token_type_not_supported",
            format!("the subject_token_type '{name}' is not supported: use {}", TokenType::AccessToken),
        )
    })
}

fn read_requested_token_type(parameters: &Parameters) -> Result<TokenType, OAuthError> {
    match parameters.one_strict("requested_token_type")? {
        None => Ok(TokenType::AccessToken),
        Some(name) => access_token_type(name).ok_or_else(|| {
            OAuthError::invalid_request(
                "requested_token_type_not_supported",
                format!("the requested_token_type '{name}' is not supported: use {}", TokenType::AccessToken),
            )
        }),
    }
}

fn access_token_type(name: &str) -> Option<TokenType> {
    TokenType::named(name).filter(|token_type| matches!(token_type, TokenType::AccessToken | TokenType::Jwt))
}

fn read_scope(parameters: &Parameters) -> Result<Option<Scope>, OAuthError> {
    let scope = parameters.one_strict("scope")?.map(str::parse).transpose();
    scope.map_err(|invalid: shared_claims::scope::InvalidScope| {
        OAuthError::invalid_scope("scope_malformed", invalid.to_string())
    })
}

/// The actor is the client that authenticates; another one cannot be presented yet.
fn refuse_actor_token(parameters: &Parameters) -> Result<(), OAuthError> {
    if parameters.contains("actor_token") {
        return Err(OAuthError::invalid_request(
            "actor_token_not_supported",
            "an actor_token is not supported: the actor is the client that authenticates",
        ));
    }
    // RFC 8693 section 2.1: it must not come without an actor_token.
    if parameters.contains("actor_token_type") {
        return Err(OAuthError::invalid_request(
            "actor_token_type_unexpected",
            "there is an actor_token_type but no actor_token",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
