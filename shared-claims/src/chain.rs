//! What an API demands of the chain of actors behind a call (RFC 8693 section 4.1).
//!
//! The current actor may decide who gets in. Those before it are history, and RFC 8693 lets nobody in for them: a policy
//! therefore only ever refuses what the token would otherwise allow. Plain types, no I/O.

use std::collections::BTreeSet;

use crate::{AccessTokenClaims, Actor};

/// Who may stand between the user and this API. Each demand narrows; a policy without demands lets every chain through.
///
/// ```
/// use shared_claims::{AccessTokenClaims, ChainPolicy, ChainRefused};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // Receipts are read by the API "Reports" alone, for people who use our own app, and not from further away.
/// let policy = ChainPolicy::any().current_actor_one_of(["api-a"]).first_app_one_of(["demo-app"]).at_most_hops(1);
///
/// let claims: AccessTokenClaims = serde_json::from_str(
///     r#"{ "iss": "http://localhost:9000", "sub": "usr_1", "aud": "https://api-b.example", "iat": 1, "exp": 2, "jti": "j",
///          "client_id": "api-a", "act": { "sub": "api-a", "act": { "sub": "demo-app" } } }"#,
/// )?;
/// assert_eq!(policy.check(&claims), Ok(()));
///
/// let elsewhere = ChainPolicy::any().current_actor_one_of(["payroll"]);
/// assert_eq!(elsewhere.check(&claims), Err(ChainRefused::CurrentActor { found: "api-a".to_owned() }));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChainPolicy {
    current_actors: Option<BTreeSet<String>>,
    first_apps: Option<BTreeSet<String>>,
    most_hops: Option<usize>,
}

/// The demand that did not hold. Texts are public: they name who was found, never who would be let in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChainRefused {
    /// An API must act for the user, and the app itself calls.
    #[error("this is for calls on behalf of a user by another API, and nobody acts in this token")]
    NobodyActs,
    #[error("{found} may not do this on behalf of a user")]
    CurrentActor { found: String },
    #[error("this is not for users of the app {found}")]
    FirstApp { found: String },
    #[error("the call comes from too far: {hops} exchanges lie behind it, at most {at_most} are allowed")]
    TooManyHops { hops: usize, at_most: usize },
}

impl ChainRefused {
    /// A name that stays the same from version to version.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::NobodyActs => "nobody_acts",
            Self::CurrentActor { .. } => "current_actor_not_allowed",
            Self::FirstApp { .. } => "first_app_not_allowed",
            Self::TooManyHops { .. } => "too_many_hops",
        }
    }
}

impl ChainPolicy {
    /// Every chain is let through.
    #[must_use]
    pub fn any() -> Self {
        Self::default()
    }

    /// The current actor's `sub` is one of these; no names, nobody. A token without an actor is refused.
    #[must_use]
    pub fn current_actor_one_of<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.current_actors = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// The client that the chain began with, which is the app that the user signed in to, is one of these.
    #[must_use]
    pub fn first_app_one_of<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.first_apps = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// At most so many exchanges lie between the app and this API. 0: the app itself calls.
    #[must_use]
    pub fn at_most_hops(mut self, hops: usize) -> Self {
        self.most_hops = Some(hops);
        self
    }

    /// Whether the chain of these claims is one that this policy lets through; otherwise what did not hold first.
    pub fn check(&self, claims: &AccessTokenClaims) -> Result<(), ChainRefused> {
        self.check_current_actor(claims)?;
        self.check_first_app(claims)?;
        self.check_hops(claims)
    }

    fn check_current_actor(&self, claims: &AccessTokenClaims) -> Result<(), ChainRefused> {
        let Some(allowed) = &self.current_actors else { return Ok(()) };
        let found = claims.current_actor().ok_or(ChainRefused::NobodyActs)?.sub;
        if allowed.contains(found) { Ok(()) } else { Err(ChainRefused::CurrentActor { found: found.to_owned() }) }
    }

    fn check_first_app(&self, claims: &AccessTokenClaims) -> Result<(), ChainRefused> {
        let Some(allowed) = &self.first_apps else { return Ok(()) };
        let found = claims.history().last().map_or(claims.client_id.as_str(), |first| first.sub);
        if allowed.contains(found) { Ok(()) } else { Err(ChainRefused::FirstApp { found: found.to_owned() }) }
    }

    fn check_hops(&self, claims: &AccessTokenClaims) -> Result<(), ChainRefused> {
        let Some(at_most) = self.most_hops else { return Ok(()) };
        let hops = hops(claims);
        if hops <= at_most { Ok(()) } else { Err(ChainRefused::TooManyHops { hops, at_most }) }
    }
}

/// How many exchanges lie behind a token. The innermost actor is the app, which made none; where an issuer leaves the app
/// out, one actor is one exchange all the same.
fn hops(claims: &AccessTokenClaims) -> usize {
    claims.act.as_ref().map_or(0, |act: &Actor| (act.depth() - 1).max(1))
}

#[cfg(feature = "actix")]
mod response {
    use actix_web::ResponseError;
    use actix_web::body::BoxBody;
    use actix_web::http::StatusCode;
    use actix_web::{HttpRequest, HttpResponse, Responder};

    use super::ChainRefused;
    use crate::Problem;

    impl ChainRefused {
        /// 403: the token is good, and its chain is not one for this.
        #[must_use]
        pub fn problem(&self) -> Problem {
            Problem::new(403, "Forbidden").with_detail(self.to_string()).with_error(self.reason())
        }
    }

    impl ResponseError for ChainRefused {
        fn status_code(&self) -> StatusCode {
            StatusCode::FORBIDDEN
        }

        fn error_response(&self) -> HttpResponse<BoxBody> {
            self.problem().error_response()
        }
    }

    impl Responder for ChainRefused {
        type Body = BoxBody;

        fn respond_to(self, _: &HttpRequest) -> HttpResponse<BoxBody> {
            self.error_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;
    use rstest::rstest;
    use serde_json::json;

    /// A token that came through `actors`, the current one first; none: the app's own.
    fn token_through(actors: &[&str]) -> AccessTokenClaims {
        let act = actors.iter().rev().fold(None, |earlier, actor| Some(Actor::client(actor).after(earlier)));
        let client_id = actors.first().unwrap_or(&"demo-app");
        let claims =
            json!({ "iss": "i", "sub": "usr_1", "aud": "b", "exp": 20, "iat": 10, "jti": "j", "client_id": client_id });
        AccessTokenClaims { act, ..serde_json::from_value(claims).unwrap() }
    }

    fn policy() -> ChainPolicy {
        ChainPolicy::any().current_actor_one_of(["api-a", "api-b"]).first_app_one_of(["demo-app"]).at_most_hops(2)
    }

    #[rstest]
    #[case::one_hop(&["api-a", "demo-app"], Ok(()))]
    #[case::two_hops(&["api-b", "api-a", "demo-app"], Ok(()))]
    #[case::the_app_itself(&[], Err("nobody_acts"))]
    #[case::another_actor(&["api-x", "demo-app"], Err("current_actor_not_allowed"))]
    #[case::only_an_earlier_actor_is_allowed(&["api-x", "api-a", "demo-app"], Err("current_actor_not_allowed"))]
    #[case::another_app(&["api-a", "other-app"], Err("first_app_not_allowed"))]
    #[case::the_app_is_not_the_first(&["api-a", "demo-app", "other-app"], Err("first_app_not_allowed"))]
    #[case::too_far(&["api-a", "api-b", "api-c", "demo-app"], Err("too_many_hops"))]
    fn each_demand_refuses_by_name(#[case] actors: &[&str], #[case] expected: Result<(), &str>) {
        assert_eq!(policy().check(&token_through(actors)).map_err(|refused| refused.reason()), expected);
    }

    #[test]
    fn no_hops_means_the_app_itself() {
        let direct = ChainPolicy::any().first_app_one_of(["demo-app"]).at_most_hops(0);
        assert_eq!(direct.check(&token_through(&[])), Ok(()));
        let refused = ChainRefused::TooManyHops { hops: 1, at_most: 0 };
        assert_eq!(direct.check(&token_through(&["api-a", "demo-app"])), Err(refused.clone()));
        // An issuer that leaves the app out of `act`.
        assert_eq!(ChainPolicy::any().at_most_hops(0).check(&token_through(&["api-a"])), Err(refused));
    }

    #[test]
    fn a_list_without_names_lets_nobody_in() {
        let nobody = ChainPolicy::any().current_actor_one_of(Vec::<String>::new());
        assert!(nobody.check(&token_through(&["api-a", "demo-app"])).is_err());
    }

    #[test]
    fn a_refusal_never_tells_who_would_be_let_in() {
        for actors in [&[][..], &["api-x", "demo-app"], &["api-a", "other-app"]] {
            let text = policy().check(&token_through(actors)).unwrap_err().to_string();
            assert!(!text.contains("api-b") && !text.contains("demo-app"), "{text}");
        }
    }

    fn names() -> impl Strategy<Value = Vec<&'static str>> {
        vec(select(vec!["api-a", "api-b", "api-c", "demo-app", "other-app"]), 0..7)
    }

    proptest! {
        #[test]
        fn what_a_policy_lets_through_has_all_that_it_demands(
            actors in names(), current in names(), first in names(), most in 0_usize..6,
        ) {
            let claims = token_through(&actors);
            let policy = ChainPolicy::any().current_actor_one_of(current.clone()).first_app_one_of(first.clone()).at_most_hops(most);
            let holds = actors.first().is_some_and(|actor| current.contains(actor))
                && first.contains(actors.last().unwrap_or(&"demo-app"))
                && actors.len() <= most + 1
                && (actors.is_empty() || most > 0);
            prop_assert_eq!(policy.check(&claims).is_ok(), holds);
        }

        /// RFC 8693 section 4.1: earlier actors never let anybody in.
        #[test]
        fn who_is_the_current_actor_does_not_depend_on_history(actors in names(), earlier in names(), allowed in names()) {
            prop_assume!(!actors.is_empty());
            let policy = ChainPolicy::any().current_actor_one_of(allowed);
            let longer = [&actors[..1], &earlier].concat();
            prop_assert_eq!(policy.check(&token_through(&actors)), policy.check(&token_through(&longer)));
        }

        #[test]
        fn another_demand_never_lets_more_through(actors in names(), current in names(), first in names(), most in 0_usize..6) {
            let claims = token_through(&actors);
            let wider = ChainPolicy::any().current_actor_one_of(current);
            let narrower = wider.clone().first_app_one_of(first).at_most_hops(most);
            prop_assert!(narrower.check(&claims).is_err() || wider.check(&claims).is_ok());
            prop_assert!(ChainPolicy::any().check(&claims).is_ok());
        }

        #[test]
        fn the_history_begins_with_the_current_actor_and_names_everybody_once(actors in names()) {
            let claims = token_through(&actors);
            let history: Vec<_> = claims.history().map(|actor| actor.sub).collect();
            prop_assert_eq!(&history, &actors);
            prop_assert_eq!(claims.current_actor().map(|actor| actor.sub), actors.first().copied());
        }
    }
}
