//! Extractors for actix handlers: a handler says in its signature who may call it, and never runs for anybody else.
//!
//! Refusals answer themselves (RFC 6750 section 3).

use std::future::Future;
use std::marker::PhantomData;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::LazyLock;

use actix_web::dev::Payload;
use actix_web::error::InternalError;
use actix_web::http::header::{AUTHORIZATION, HeaderValue, RETRY_AFTER};
use actix_web::{FromRequest, HttpRequest, web};

use crate::access_token::PresentedToken;
use crate::bearer::presented_token;
use crate::challenge::Refusal;
use crate::dpop::DPOP;
use crate::{AccessToken, ChainPolicy, ChainRefused, Problem, ResourceServer, Scope, Unauthenticated};

/// A scope that a handler demands, as a type. Made by [`required_scope!`](crate::required_scope).
pub trait RequiredScope: 'static {
    /// The names that all must be there, separated by spaces.
    const SCOPE: &'static str;
}

/// No scope in particular: any valid token will do.
#[derive(Clone, Copy, Debug)]
pub struct AnyScope;

impl RequiredScope for AnyScope {
    const SCOPE: &'static str = "";
}

/// Names a scope by a type, for [`Caller`]. A text that is no scope does not compile.
///
/// ```
/// shared_claims::required_scope!(pub ReadReports = "read:reports");
/// ```
/// ```compile_fail
/// shared_claims::required_scope!(pub ReadReports = "read:\"reports\"");
/// ```
#[macro_export]
macro_rules! required_scope {
    ($(#[$meta:meta])* $visibility:vis $name:ident = $scope:literal) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug)]
        $visibility struct $name;

        impl $crate::extract::RequiredScope for $name {
            const SCOPE: &'static str = {
                assert!($crate::extract::is_scope($scope), "not a scope by RFC 6749 section 3.3");
                $scope
            };
        }

        const _: &str = <$name as $crate::extract::RequiredScope>::SCOPE;
    };
}

/// Whether `text` is one scope name or several, separated by single spaces (RFC 6749 section 3.3).
#[doc(hidden)]
#[must_use]
pub const fn is_scope(text: &str) -> bool {
    let bytes = text.as_bytes();
    let mut position = 0;
    let mut in_name = false;
    while position < bytes.len() {
        in_name = match bytes[position] {
            b' ' if in_name => false,
            0x21 | 0x23..=0x5b | 0x5d..=0x7e => true,
            _ => return false,
        };
        position += 1;
    }
    in_name
}

/// A chain of actors that a handler demands, as a type. Made by [`required_chain!`](crate::required_chain).
pub trait RequiredChain: 'static {
    fn policy() -> &'static ChainPolicy;
}

/// Any chain of actors, or none.
#[derive(Clone, Copy, Debug)]
pub struct AnyChain;

impl RequiredChain for AnyChain {
    fn policy() -> &'static ChainPolicy {
        static ANY: LazyLock<ChainPolicy> = LazyLock::new(ChainPolicy::any);
        &ANY
    }
}

/// Names a [`ChainPolicy`] by a type, for [`Caller`]. A policy that comes from the configuration is checked in the handler's
/// first line instead: `policy.check(&caller.claims)?`.
///
/// ```
/// use shared_claims::{Caller, ChainPolicy};
///
/// shared_claims::required_scope!(pub ReadReceipts = "read:receipts");
/// shared_claims::required_chain!(pub ThroughReports = ChainPolicy::any().current_actor_one_of(["api-a"]).at_most_hops(1));
///
/// /// Runs only for calls that the API "Reports" makes itself on behalf of a user. Others get 403.
/// async fn receipts(caller: Caller<ReadReceipts, ThroughReports>) -> String {
///     format!("the receipts of {}", caller.claims.sub)
/// }
/// ```
#[macro_export]
macro_rules! required_chain {
    ($(#[$meta:meta])* $visibility:vis $name:ident = $policy:expr) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug)]
        $visibility struct $name;

        impl $crate::extract::RequiredChain for $name {
            fn policy() -> &'static $crate::ChainPolicy {
                static POLICY: ::std::sync::LazyLock<$crate::ChainPolicy> = ::std::sync::LazyLock::new(|| $policy);
                &POLICY
            }
        }
    };
}

/// Who calls: a validated access token that allows at least `S`, and came here through a chain that `C` lets through. Needs
/// `web::Data<ResourceServer>` in the app.
pub struct Caller<S: RequiredScope = AnyScope, C: RequiredChain = AnyChain> {
    token: AccessToken,
    allowed: PhantomData<fn() -> (S, C)>,
}

impl<S: RequiredScope, C: RequiredChain> Deref for Caller<S, C> {
    type Target = AccessToken;

    fn deref(&self) -> &AccessToken {
        &self.token
    }
}

impl<S: RequiredScope, C: RequiredChain> Clone for Caller<S, C> {
    fn clone(&self) -> Self {
        Self { token: self.token.clone(), allowed: PhantomData }
    }
}

impl<S: RequiredScope, C: RequiredChain> std::fmt::Debug for Caller<S, C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Caller").field(&self.token).finish()
    }
}

impl<S: RequiredScope, C: RequiredChain> FromRequest for Caller<S, C> {
    type Error = actix_web::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Self::Error>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let Some(api) = request.app_data::<web::Data<ResourceServer>>().cloned() else {
            log::error!("the app has no web::Data<ResourceServer>, so nobody can be let in");
            return Box::pin(async { Err(Problem::new(500, "Internal Server Error").into()) });
        };
        let request = request.clone();
        Box::pin(async move {
            let presented = token_of(&request).map_err(|refusal| api.challenge(refusal))?;
            let authenticated = api.authenticate_request(presented, request.method().as_str(), request.path()).await;
            let token = authenticated.map_err(|refused| answer(&api, &refused))?;
            // `required_scope!` lets no other text through than one that parses; what did would allow nobody.
            let scope: Scope =
                S::SCOPE.parse().map_err(|_| api.challenge(Refusal::InsufficientScope(Scope::empty())))?;
            api.require(&token, &scope)?;
            C::policy().check(&token.claims).inspect_err(log_refused)?;
            Ok(Self { token, allowed: PhantomData })
        })
    }
}

/// The token of the request, sent in a way that is accepted.
fn token_of(request: &HttpRequest) -> Result<PresentedToken<'_>, Refusal> {
    let all = |name| request.headers().get_all(name).map(HeaderValue::as_bytes);
    presented_token(all(AUTHORIZATION.as_str()), all(DPOP), request.query_string())
}

fn log_refused(refused: &ChainRefused) {
    log::info!("a chain is refused: {}", refused.reason());
}

fn answer(api: &ResourceServer, refused: &Unauthenticated) -> actix_web::Error {
    log::debug!("a token is refused: {}", refused.reason());
    if let Some(refusal) = refused.refusal() {
        return api.challenge(refusal).into();
    }
    let problem = Problem::new(503, "Service Unavailable").with_detail(refused.to_string());
    let response = problem.builder().insert_header((RETRY_AFTER, "1")).body(problem.body());
    InternalError::from_response(problem, response).into()
}

#[cfg(test)]
mod tests;
