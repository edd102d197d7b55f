//! The token exchange request (RFC 8693 section 2.1), every parameter in its type.
//!
//! Read strictly: an empty, repeated or unknown value is refused, never read past, since silence here would ask for
//! something else. Whether the subject token is any good, and what it may become, is decided in `exchange`.

use shared_claims::Scope;

use super::bearer::ShownToken;
use super::dialect::Dialect;
use super::error::OAuthError;
use super::parameters::Parameters;
use super::spelling::Spelling;
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

/// What an API asks for when it wants to call another API on behalf of a user, in either dialect.
#[derive(Clone, Debug)]
pub struct ExchangeRequest<'a> {
    pub dialect: Dialect,
    pub subject_token: ShownToken<'a>,
    /// `AccessToken` or `Jwt`: both mean one of our access tokens, which are JWTs.
    pub subject_token_type: TokenType,
    /// The token of an agent that acts inside the asking client.
    pub actor_token: Option<ShownToken<'a>>,
    pub target: Option<Target>,
    /// `None`: the pairing's defaults.
    pub scope: Option<Scope>,
    /// `AccessToken` or `Jwt`; what was asked for is what `issued_token_type` answers. Without one, an access token.
    pub requested_token_type: TokenType,
    /// How the response names the scopes, in the dialect that has ways of its own.
    pub spelling: Option<Spelling>,
}

impl<'a> ExchangeRequest<'a> {
    pub fn read(parameters: &'a Parameters) -> Result<Self, OAuthError> {
        parameters.refuse_repeated(&ONCE)?;
        Ok(Self {
            dialect: Dialect::TokenExchange,
            subject_token: read_subject_token(parameters)?,
            subject_token_type: read_subject_token_type(parameters)?,
            requested_token_type: read_requested_token_type(parameters)?,
            actor_token: read_actor_token(parameters)?,
            target: Target::read(parameters)?,
            scope: read_scope(parameters)?,
            spelling: None,
        })
    }
}

/// The token as it is, without `Bearer ` before it. That it is one of ours is for its verification to find out.
fn read_subject_token(parameters: &Parameters) -> Result<ShownToken<'_>, OAuthError> {
    let Some(token) = parameters.one("subject_token")? else {
        return Err(OAuthError::invalid_request("subject_token_missing", "the parameter 'subject_token' is missing"));
    };
    ShownToken::read(token).ok_or_else(|| {
        OAuthError::invalid_request(
            "subject_token_malformed",
            "the subject_token is not a token: send it bare, without 'Bearer' and without spaces",
        )
    })
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

/// RFC 8693 section 2.1: token and type come together or not at all.
pub(super) fn read_actor_token(parameters: &Parameters) -> Result<Option<ShownToken<'_>>, OAuthError> {
    let token_type = parameters.one_strict("actor_token_type")?;
    let Some(token) = parameters.one_strict("actor_token")? else {
        return match token_type {
            None => Ok(None),
            Some(_) => Err(OAuthError::invalid_request(
                "actor_token_type_unexpected",
                "there is an actor_token_type but no actor_token",
            )),
        };
    };
    let name = token_type.ok_or_else(|| {
        OAuthError::invalid_request("actor_token_type_missing", "the parameter 'actor_token_type' is missing")
    })?;
    if access_token_type(name).is_none() {
        return Err(OAuthError::invalid_request(
            "actor_token_type_not_supported",
            format!("the actor_token_type '{name}' is not supported: use {}", TokenType::AccessToken),
        ));
    }
    ShownToken::read(token).map(Some).ok_or_else(|| {
        OAuthError::invalid_request(
            "actor_token_malformed",
            "the actor_token is not a token: send it bare, without 'Bearer' and without spaces",
        )
    })
}

#[cfg(test)]
mod tests;
