//! What is wanted, in the words of the flow: on behalf of whom, at which API, with which scope.

use reqwest::header::HeaderValue;
use reqwest::{Client, Request};

use super::observer::{Leg, Sight};
use super::prover::Prover;
use super::token_endpoint::Wish;
use super::{ExchangeClient, ExchangeError, ExchangedToken};
use crate::{AccessToken, Scope};

/// On whose behalf. The next word is the API: [`Self::audience`].
#[derive(Clone)]
#[must_use = "name the API to be called"]
pub struct Subject<'a> {
    client: &'a ExchangeClient,
    token: &'a AccessToken,
}

impl<'a> Subject<'a> {
    pub(super) fn new(client: &'a ExchangeClient, token: &'a AccessToken) -> Self {
        Self { client, token }
    }

    /// The identifier of the API to be called: the `aud` of its tokens.
    pub fn audience(self, identifier: &str) -> OnBehalfOf<'a> {
        let traceparent = (self.client.0.traceparent)();
        let wanted = OnBehalfOf {
            client: self.client,
            subject: self.token,
            audience: identifier.to_owned(),
            scope: Scope::empty(),
            traceparent: None,
            fresh: false,
        };
        traceparent.into_iter().fold(wanted, |wanted, traceparent| wanted.traceparent(&traceparent))
    }
}

/// A token of another API for the user of the caller's token, or a call with one. Nothing is asked before it is awaited.
#[derive(Clone)]
#[must_use = "ask for the token, or make a call"]
pub struct OnBehalfOf<'a> {
    client: &'a ExchangeClient,
    subject: &'a AccessToken,
    audience: String,
    scope: Scope,
    traceparent: Option<HeaderValue>,
    fresh: bool,
}

impl<'a> OnBehalfOf<'a> {
    /// What the token is to allow. Without it: the pairing's defaults.
    pub fn scope(mut self, scope: &Scope) -> Self {
        self.scope.clone_from(scope);
        self
    }

    /// Past the cache: the auth server is asked, and its answer kept in place of what is there.
    pub fn fresh(mut self) -> Self {
        self.fresh = true;
        self
    }

    /// The trace that this is done for (W3C Trace Context), where it does not come from the client's own source. A text
    /// that no header can hold is not passed on: it is the caller's, and no reason to fail.
    pub fn traceparent(mut self, traceparent: &str) -> Self {
        self.traceparent = HeaderValue::from_str(traceparent).ok();
        self
    }

    /// The token: kept from an earlier call, or exchanged now.
    pub async fn token(&self) -> Result<ExchangedToken, ExchangeError> {
        self.client.0.token(self.wish(), self.fresh).await
    }

    /// Says that the API answered 401 to `token`, so that the next call gets another. A [`Call`](super::Call) says so by itself.
    pub async fn refused(&self, token: &ExchangedToken) {
        self.client.0.forget(self.wish(), token).await;
    }

    /// The client that calls target APIs.
    pub(super) fn http(&self) -> &'a Client {
        &self.client.0.targets
    }

    pub(super) fn prover(&self) -> &'a Prover {
        &self.client.0.prover
    }

    pub(super) fn trace(&self) -> Option<&HeaderValue> {
        self.traceparent.as_ref()
    }

    /// Lets an observer see the call.
    pub(super) fn sends(&self, request: &Request) -> Sight<'_> {
        let watch = &self.client.0.watch;
        watch.sends(self.wish().belonging(), Leg::Call, request.url().as_str(), || request.try_clone())
    }

    fn wish(&self) -> Wish<'_> {
        Wish {
            subject: self.subject,
            audience: &self.audience,
            scope: &self.scope,
            traceparent: self.traceparent.as_ref(),
        }
    }
}
