//! The on-behalf-of request in the dialect of Microsoft's libraries: RFC 7523 section 2.1 with
//! `requested_token_use=on_behalf_of`, and scopes named `{target identifier}/{scope}` or `{target identifier}/.default`.

use shared_claims::{Scope, ScopeToken};

use super::bearer::ShownToken;
use super::dialect::Dialect;
use super::error::OAuthError;
use super::parameters::Parameters;
use super::spelling::{DEFAULT, Spelling};
use super::target::Target;
use super::token_exchange::{ExchangeRequest, read_actor_token};
use super::token_type::TokenType;

const ONCE: [&str; 8] = [
    "grant_type",
    "assertion",
    "requested_token_use",
    "scope",
    "actor_token",
    "actor_token_type",
    "client_id",
    "client_secret",
];

/// OpenID Connect's names. These libraries always add some of them: they are wishes here.
const OPENID_CONNECT: [&str; 6] = ["openid", "profile", "email", "address", "phone", "offline_access"];

/// Reads the request.
pub fn read(parameters: &Parameters) -> Result<ExchangeRequest<'_>, OAuthError> {
    parameters.refuse_repeated(&ONCE)?;
    check_use(parameters)?;
    let subject_token = ShownToken::read(parameters.required("assertion")?).ok_or_else(|| {
        OAuthError::invalid_grant(
            "subject_token_malformed",
            "the assertion is not a token: send it bare, without 'Bearer' and without spaces",
        )
    })?;
    let named = Named::read(parameters.one("scope")?.unwrap_or_default())?;
    Ok(ExchangeRequest {
        dialect: Dialect::JwtBearer,
        subject_token,
        subject_token_type: TokenType::Jwt,
        actor_token: read_actor_token(parameters)?,
        target: agreed(Target::read(parameters)?, named.target)?,
        scope: Some(named.scope).filter(|scope| !scope.is_empty()),
        requested_token_type: TokenType::AccessToken,
        spelling: Some(named.spelling),
    })
}

/// Assertions are taken for nothing else.
fn check_use(parameters: &Parameters) -> Result<(), OAuthError> {
    match parameters.one("requested_token_use")? {
        Some("on_behalf_of") => Ok(()),
        _ => Err(OAuthError::invalid_request(
            "requested_token_use_not_supported",
            "send requested_token_use=on_behalf_of: an assertion is taken for nothing else",
        )),
    }
}

/// What the scope parameter names.
#[derive(Default)]
struct Named {
    target: Option<Target>,
    /// Bare names, and of OpenID Connect's those that stand for a token.
    scope: Scope,
    spelling: Spelling,
}

impl Named {
    fn read(text: &str) -> Result<Self, OAuthError> {
        let mut named = Self::default();
        let (mut scope, mut bare) = (Vec::new(), Vec::new());
        for name in text.split(' ').filter(|name| !name.is_empty()) {
            if let Some((identifier, short)) = name.rsplit_once('/') {
                named.meet(identifier)?;
                if short == DEFAULT {
                    named.spelling.default = true;
                } else {
                    scope.push(token(short)?);
                }
            } else if !OPENID_CONNECT.contains(&name) {
                bare.push(token(name)?);
            } else if ["openid", "offline_access"].contains(&name) {
                scope.push(token(name)?);
            }
        }
        named.spelling.bare = bare.iter().cloned().collect();
        named.scope = scope.into_iter().chain(bare).collect();
        if named.spelling.default && named.names_a_scope() {
            return Err(OAuthError::invalid_scope(
                "scope_and_default",
                "ask for .default or for scopes by name, not both",
            ));
        }
        Ok(named)
    }

    fn names_a_scope(&self) -> bool {
        self.scope.iter().any(|name| !OPENID_CONNECT.contains(&name.as_str()))
    }

    fn meet(&mut self, identifier: &str) -> Result<(), OAuthError> {
        let met = Target::named(identifier);
        match &self.target {
            Some(target) if *target != met => Err(OAuthError::invalid_target(
                "several_targets",
                "a token is for one target, but the scopes name several",
            )),
            _ => {
                self.target = Some(met);
                Ok(())
            }
        }
    }
}

fn token(name: &str) -> Result<ScopeToken, OAuthError> {
    name.parse().map_err(|invalid: shared_claims::scope::InvalidScope| {
        OAuthError::invalid_scope("scope_malformed", invalid.to_string())
    })
}

/// The target may be named by the scopes, by `audience` or `resource`, or by both alike.
fn agreed(by_parameter: Option<Target>, by_scope: Option<Target>) -> Result<Option<Target>, OAuthError> {
    match (by_parameter, by_scope) {
        (Some(parameter), Some(scope)) if parameter != scope => Err(OAuthError::invalid_target(
            "target_conflict",
            "the scopes and audience or resource name different targets",
        )),
        (parameter, scope) => Ok(parameter.or(scope)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::ErrorCode;
    use rstest::rstest;

    const B: &str = "https://api-b.example";

    /// Its parameters are left behind: what was read from them stands on them.
    fn asking(scope: &str) -> Result<ExchangeRequest<'static>, OAuthError> {
        let form = super::super::parameters::encode(&[
            ("assertion", "a.b.c"),
            ("requested_token_use", "on_behalf_of"),
            ("scope", scope),
        ]);
        read(Box::leak(Box::new(Parameters::parse(form.as_bytes()).unwrap())))
    }

    #[rstest]
    #[case::in_full("https://api-b.example/read:receipts", Some(B), "read:receipts")]
    #[case::several("https://api-b.example/read:receipts https://api-b.example/x", Some(B), "read:receipts x")]
    #[case::default("https://api-b.example/.default", Some(B), "")]
    #[case::with_wishes("https://api-b.example/x openid profile offline_access", Some(B), "offline_access openid x")]
    #[case::bare("read:receipts", None, "read:receipts")]
    #[case::identifier_with_a_slash("https://api-b.example//x", Some("https://api-b.example/"), "x")]
    #[case::wishes_alone("openid profile", None, "openid")]
    fn the_scopes_name_target_and_scope(#[case] asked: &str, #[case] target: Option<&str>, #[case] scope: &str) {
        let request = asking(asked).unwrap();
        assert_eq!(request.target.as_ref().map(Target::as_str), target);
        assert_eq!(request.scope.unwrap_or_default(), scope.parse().unwrap_or_default());
    }

    #[rstest]
    #[case::two_targets("https://a.example/x https://b.example/x", ErrorCode::InvalidTarget, "several_targets")]
    #[case::both("https://a.example/x https://a.example/.default", ErrorCode::InvalidScope, "scope_and_default")]
    #[case::nothing_after_the_slash("https://a.example/", ErrorCode::InvalidScope, "scope_malformed")]
    fn scopes_that_cannot_be_meant_are_refused(#[case] asked: &str, #[case] code: ErrorCode, #[case] reason: &str) {
        let error = asking(asked).unwrap_err();
        assert_eq!((error.code, error.reason), (code, reason));
    }

    #[rstest]
    #[case::no_use("assertion=a.b.c", "requested_token_use_not_supported")]
    #[case::other_use("assertion=a.b.c&requested_token_use=impersonation", "requested_token_use_not_supported")]
    #[case::no_assertion("requested_token_use=on_behalf_of", "parameter_missing")]
    #[case::with_bearer("requested_token_use=on_behalf_of&assertion=Bearer+a.b.c", "subject_token_malformed")]
    #[case::twice("requested_token_use=on_behalf_of&assertion=a&assertion=a", "parameter_repeated")]
    #[case::actor_without_type(
        "requested_token_use=on_behalf_of&assertion=a&actor_token=b",
        "actor_token_type_missing"
    )]
    #[case::conflict(
        "requested_token_use=on_behalf_of&assertion=a&audience=https://a.example&scope=https://b.example/x",
        "target_conflict"
    )]
    fn a_request_that_is_not_whole_is_refused(#[case] form: &str, #[case] reason: &str) {
        assert_eq!(read(&Parameters::parse(form.as_bytes()).unwrap()).unwrap_err().reason, reason);
    }

    #[test]
    fn the_answer_spells_scopes_as_they_were_asked_for() {
        let spelt = |asked: &str, granted: &str| {
            asking(asked).unwrap().spelling.unwrap().of(&granted.parse().unwrap(), B).to_string()
        };
        assert_eq!(spelt("https://api-b.example/x", "x"), "https://api-b.example/x");
        assert_eq!(spelt("x", "x"), "x");
        assert_eq!(
            spelt("https://api-b.example/.default", "x"),
            "https://api-b.example/.default https://api-b.example/x"
        );
    }
}
