//! What the connections of a load ask: the same over and over, each request once, or what the last answer gave.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use url::Url;

use super::connection::Answer;
use super::request::{self, Request};
use crate::world::DEMO_APP;

/// Work for any number of connections.
#[derive(Clone)]
pub struct Work {
    /// Where it is done: connections take turns.
    pub servers: Vec<SocketAddr>,
    pub what: What,
    /// Where answers are kept, if anybody wants them.
    kept: Option<Kept>,
}

#[derive(Clone)]
pub enum What {
    /// The same requests over and over, one after the other.
    Repeated(Arc<[Request]>),
    /// Each once: what is single-use.
    Once(Shared<Request>),
    /// Refresh tokens, each in the hands of one connection, where every answer replaces it.
    Rotating { tokens: Shared<String>, token_endpoint: Url },
}

/// What connections take from, and give back to.
pub type Shared<T> = Arc<Mutex<Vec<T>>>;

/// What is kept of each answer.
#[derive(Clone)]
struct Kept {
    read: fn(&Answer<'_>) -> Result<String>,
    answers: Shared<String>,
}

impl Work {
    pub fn at(server: SocketAddr, what: What) -> Self {
        Self { servers: vec![server], what, kept: None }
    }

    pub fn repeated(server: SocketAddr, requests: impl IntoIterator<Item = Request>) -> Self {
        Self::at(server, What::Repeated(requests.into_iter().collect()))
    }

    /// Each of them once.
    pub fn once(server: SocketAddr, requests: impl IntoIterator<Item = Request>) -> Self {
        Self::at(server, What::Once(Arc::new(Mutex::new(requests.into_iter().collect()))))
    }

    /// The same work, of whose answers `read` keeps what it reads.
    pub fn keeping(mut self, read: fn(&Answer<'_>) -> Result<String>) -> (Self, Shared<String>) {
        let answers = Shared::default();
        self.kept = Some(Kept { read, answers: Arc::clone(&answers) });
        (self, answers)
    }

    /// The part of one connection.
    pub fn asker(&self) -> Asker {
        Asker { work: self.clone(), token: None }
    }
}

/// One connection's part of the work.
pub struct Asker {
    work: Work,
    /// The refresh token in its hands.
    token: Option<String>,
}

impl Asker {
    /// What to ask next, `number` being how many requests of the load came before; none where nothing is left.
    pub fn next(&mut self, number: u64) -> Result<Option<Request>> {
        Ok(match &self.work.what {
            What::Repeated(requests) => {
                let place = number.checked_rem(requests.len() as u64).context("nothing to ask")?;
                Some(Arc::clone(&requests[usize::try_from(place)?]))
            }
            What::Once(requests) => take(requests),
            What::Rotating { tokens, token_endpoint } => {
                self.token = self.token.take().or_else(|| take(tokens));
                let token = self.token.as_deref().context("more connections than refresh tokens")?;
                let form = [("grant_type", "refresh_token"), ("refresh_token", token)];
                Some(request::post(token_endpoint, (DEMO_APP, None), &form))
            }
        })
    }

    /// Takes the answer, which must be a success: a page to go to is one.
    pub fn answered(&mut self, answer: &Answer<'_>) -> Result<()> {
        if !(200..400).contains(&answer.status) {
            bail!("{}: {}", answer.status, String::from_utf8_lossy(answer.body));
        }
        if let What::Rotating { .. } = self.work.what {
            self.token = Some(refresh_token(answer)?);
        }
        if let Some(Kept { read, answers }) = &self.work.kept {
            give(answers, read(answer)?);
        }
        Ok(())
    }
}

impl Drop for Asker {
    /// The next load goes on with what this one was given last.
    fn drop(&mut self) {
        if let (What::Rotating { tokens, .. }, Some(token)) = (&self.work.what, self.token.take()) {
            give(tokens, token);
        }
    }
}

pub fn take<T>(shared: &Shared<T>) -> Option<T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner).pop()
}

pub fn give<T>(shared: &Shared<T>, one: T) {
    shared.lock().unwrap_or_else(PoisonError::into_inner).push(one);
}

/// All that has gathered.
pub fn all<T>(shared: &Shared<T>) -> Vec<T> {
    std::mem::take(&mut *shared.lock().unwrap_or_else(PoisonError::into_inner))
}

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: String,
    refresh_token: Option<String>,
}

/// The access token of a token endpoint's answer.
pub fn access_token(answer: &Answer<'_>) -> Result<String> {
    Ok(serde_json::from_slice::<TokenAnswer>(answer.body)?.access_token)
}

/// The refresh token of it.
pub fn refresh_token(answer: &Answer<'_>) -> Result<String> {
    serde_json::from_slice::<TokenAnswer>(answer.body)?.refresh_token.context("no refresh token was given")
}

/// The code in the address that an authorization endpoint's answer leads to (RFC 6749 section 4.1.2).
pub fn code(answer: &Answer<'_>) -> Result<String> {
    let to: Url = answer.header("location").context("no redirect")?.parse().context("not to the app")?;
    let code = to.query_pairs().find(|(name, _)| name == "code").map(|(_, code)| code.into_owned());
    code.with_context(|| format!("no code: {}", to.path()))
}
