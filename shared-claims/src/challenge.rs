//! How an API refuses a request for its token: a challenge that clients understand (RFC 6750 section 3, RFC 9449 section 7.1),
//! which names the API's metadata (RFC 9728 section 5.1), with a problem document for people (RFC 9457).

use std::fmt::Write as _;

use crate::dpop::{ALGORITHMS, DPOP};
use crate::validator::InvalidToken;
use crate::{AccessToken, Problem, ResourceServer, Scope, Unauthenticated};

/// Why a request is refused for its token (RFC 6750 section 3.1). Texts are public.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// There is no token: 401, and no error code, since nothing was wrong yet.
    MissingToken,
    /// The token is not sent as it should be: 400.
    InvalidRequest(String),
    /// The token is no good: 401. The client gets a fresh one and tries again.
    InvalidToken(String),
    /// The token is bound to a key, and nothing proves that the sender holds it (RFC 9449 section 7.1): 401.
    BoundToken(String),
    /// The proof that came with the token proves nothing (RFC 9449 section 7.1): 401.
    InvalidDpopProof(String),
    /// The user must agree at a page first: 401. The app sends the user to `/authorize` with `prompt=consent`.
    InteractionRequired(String),
    /// The user must sign in more strongly or more recently: 401, with what is demanded (RFC 9470 section 3).
    InsufficientUserAuthentication {
        description: String,
        /// The demanded authentication contexts, in order of preference, separated by spaces.
        acr_values: Option<String>,
        /// How many seconds ago the user may have signed in at most.
        max_age: Option<u64>,
    },
    /// The token is good and does not allow this: 403. Names the scope that would.
    InsufficientScope(Scope),
}

impl Unauthenticated {
    /// What the caller hears. None: answer 503.
    #[must_use]
    pub fn refusal(&self) -> Option<Refusal> {
        match self {
            Self::Invalid(InvalidToken::Bound | InvalidToken::NotBound) => Some(Refusal::BoundToken(self.to_string())),
            Self::Invalid(_) | Self::Ended => Some(Refusal::InvalidToken(self.to_string())),
            Self::Proof(_) => Some(Refusal::InvalidDpopProof(self.to_string())),
            Self::Unavailable => None,
        }
    }
}

/// The answer to a refused request. Made by [`ResourceServer::challenge`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    refusal: Refusal,
    realm: String,
    metadata_url: Option<String>,
    /// The API takes no other tokens than bound ones.
    bound_only: bool,
}

impl ResourceServer {
    /// The answer of this API to a request that it refuses. Also for handlers, whose own call to another API may find
    /// that the caller's token is no good any more.
    #[must_use]
    pub fn challenge(&self, refusal: Refusal) -> Challenge {
        Challenge {
            refusal,
            realm: self.metadata().resource.clone(),
            metadata_url: self.metadata_url().map(ToString::to_string),
            bound_only: self.metadata().dpop_bound_access_tokens_required,
        }
    }

    /// The token allows every name of `scope` (RFC 6750 section 3.1, `insufficient_scope`). For scopes that a handler's
    /// signature cannot name, since they come from the configuration.
    pub fn require(&self, token: &AccessToken, scope: &Scope) -> Result<(), Challenge> {
        if scope.is_subset(token.scope()) {
            Ok(())
        } else {
            Err(self.challenge(Refusal::InsufficientScope(scope.clone())))
        }
    }
}

impl Challenge {
    #[must_use]
    pub fn refusal(&self) -> &Refusal {
        &self.refusal
    }

    #[must_use]
    pub fn status(&self) -> u16 {
        match self.refusal {
            Refusal::MissingToken
            | Refusal::InvalidToken(_)
            | Refusal::BoundToken(_)
            | Refusal::InvalidDpopProof(_)
            | Refusal::InteractionRequired(_)
            | Refusal::InsufficientUserAuthentication { .. } => 401,
            Refusal::InvalidRequest(_) => 400,
            Refusal::InsufficientScope(_) => 403,
        }
    }

    /// The error code (RFC 6750 section 3.1, RFC 9470 section 3).
    #[must_use]
    pub fn error(&self) -> Option<&'static str> {
        match self.refusal {
            Refusal::MissingToken => None,
            Refusal::InvalidRequest(_) => Some("invalid_request"),
            Refusal::InvalidToken(_) | Refusal::BoundToken(_) => Some("invalid_token"),
            Refusal::InvalidDpopProof(_) => Some("invalid_dpop_proof"),
            Refusal::InteractionRequired(_) => Some("interaction_required"),
            Refusal::InsufficientUserAuthentication { .. } => Some("insufficient_user_authentication"),
            Refusal::InsufficientScope(_) => Some("insufficient_scope"),
        }
    }

    /// What goes behind `WWW-Authenticate:`.
    #[must_use]
    pub fn header_value(&self) -> String {
        let scheme = if self.is_about_proof() { DPOP } else { "Bearer" };
        let mut value = format!("{scheme} realm=\"{}\"", quotable(&self.realm));
        let mut add = |name: &str, text: &str| {
            // Writing to a String cannot fail.
            let _ = write!(value, ", {name}=\"{}\"", quotable(text));
        };
        if let Some(error) = self.error() {
            add("error", error);
            add("error_description", &self.description());
        }
        if let Refusal::InsufficientScope(scope) = &self.refusal {
            add("scope", &scope.to_string());
        }
        if let Refusal::InsufficientUserAuthentication { acr_values, max_age, .. } = &self.refusal {
            if let Some(acr_values) = acr_values {
                add("acr_values", acr_values);
            }
            if let Some(seconds) = max_age {
                add("max_age", &seconds.to_string());
            }
        }
        if self.is_about_proof() {
            add("algs", &ALGORITHMS.join(" "));
        }
        if let Some(url) = &self.metadata_url {
            add("resource_metadata", url);
        }
        value
    }

    /// Whether the client has to send a proof (RFC 9449 section 7.1).
    fn is_about_proof(&self) -> bool {
        self.bound_only || matches!(self.refusal, Refusal::BoundToken(_) | Refusal::InvalidDpopProof(_))
    }

    #[must_use]
    pub fn problem(&self) -> Problem {
        let title = match self.status() {
            400 => "Bad Request",
            403 => "Forbidden",
            _ => "Unauthorized",
        };
        let problem = Problem::new(self.status(), title).with_detail(self.description());
        self.error().into_iter().fold(problem, Problem::with_error)
    }

    fn description(&self) -> String {
        match &self.refusal {
            Refusal::MissingToken if self.bound_only => {
                "send an access token in the header Authorization: DPoP, with a proof".to_owned()
            }
            Refusal::MissingToken => "send an access token in the header Authorization: Bearer".to_owned(),
            Refusal::InsufficientScope(scope) => format!("the token does not allow this: it needs the scope {scope}"),
            Refusal::InvalidRequest(text)
            | Refusal::InvalidToken(text)
            | Refusal::BoundToken(text)
            | Refusal::InvalidDpopProof(text)
            | Refusal::InteractionRequired(text)
            | Refusal::InsufficientUserAuthentication { description: text, .. } => text.clone(),
        }
    }
}

impl std::fmt::Display for Challenge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.description())
    }
}

impl std::error::Error for Challenge {}

/// Without what has a meaning in a quoted string or a header line (RFC 6750 section 3 allows no more than this).
fn quotable(text: &str) -> String {
    text.chars().filter(|character| matches!(character, ' '..='~') && !matches!(character, '"' | '\\')).collect()
}

#[cfg(feature = "actix")]
mod response {
    use actix_web::body::BoxBody;
    use actix_web::http::StatusCode;
    use actix_web::http::header::WWW_AUTHENTICATE;
    use actix_web::{HttpRequest, HttpResponse, Responder, ResponseError};

    use super::Challenge;

    impl ResponseError for Challenge {
        fn status_code(&self) -> StatusCode {
            self.problem().status_code()
        }

        fn error_response(&self) -> HttpResponse<BoxBody> {
            let problem = self.problem();
            problem.builder().insert_header((WWW_AUTHENTICATE, self.header_value())).body(problem.body())
        }
    }

    impl Responder for Challenge {
        type Body = BoxBody;

        fn respond_to(self, _: &HttpRequest) -> HttpResponse<BoxBody> {
            self.error_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use url::Url;

    fn api() -> ResourceServer {
        let public_url: Url = "http://localhost:9002".parse().unwrap();
        let builder = ResourceServer::builder("http://localhost:9000", "https://api-b.example");
        builder.public_url(public_url).build().unwrap()
    }

    #[test]
    fn a_missing_token_is_challenged_without_an_error() {
        let challenge = api().challenge(Refusal::MissingToken);
        let metadata = "http://localhost:9002/.well-known/oauth-protected-resource";
        let expected = format!(r#"Bearer realm="https://api-b.example", resource_metadata="{metadata}""#);
        assert_eq!((challenge.status(), challenge.header_value()), (401, expected));
    }

    #[test]
    fn a_scope_that_is_missing_is_named() {
        let challenge = api().challenge(Refusal::InsufficientScope("read:receipts".parse().unwrap()));
        assert_eq!((challenge.status(), challenge.error()), (403, Some("insufficient_scope")));
        assert!(challenge.header_value().contains(r#", scope="read:receipts""#));
    }

    #[test]
    fn what_a_stronger_sign_in_takes_is_said() {
        let refusal = Refusal::InsufficientUserAuthentication {
            description: "sign in again".to_owned(),
            acr_values: Some("phr urn:mfa".to_owned()),
            max_age: Some(300),
        };
        let challenge = api().challenge(refusal);
        let value = challenge.header_value();
        assert_eq!((challenge.status(), challenge.error()), (401, Some("insufficient_user_authentication")));
        assert!(value.contains(r#", acr_values="phr urn:mfa", max_age="300""#), "{value}");
    }

    #[test]
    fn a_description_cannot_leave_its_quotes() {
        let evil = "x\", error=\"none\\\r\nSet-Cookie: a=b é";
        let value = api().challenge(Refusal::InvalidToken(evil.to_owned())).header_value();
        assert!(value.contains(r#"error_description="x, error=noneSet-Cookie: a=b ""#), "{value}");
    }
}
