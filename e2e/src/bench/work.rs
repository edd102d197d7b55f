//! What the connections of a load ask: the same over and over, each request once, or what the last answer gave.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use url::Url;

use super::connection::{Answer, Connection};
use super::request::{self, Request};
use super::sign_in::SignIn;
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
    /// Sign-ins by the form, of several requests each.
    SignIn(SignIn),
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

    /// The same work, asked of another server.
    pub fn of(&self, server: SocketAddr) -> Self {
        Self { servers: vec![server], ..self.clone() }
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
    /// Asks for what is next and takes the answer, `number` being how often the load asked before; false where nothing is left.
    pub async fn ask(&mut self, number: u64, connection: &mut Connection) -> Result<bool> {
        let request = match &self.work.what {
            What::Repeated(requests) => {
                let place = number.checked_rem(requests.len() as u64).context("nothing to ask")?;
                Arc::clone(&requests[usize::try_from(place)?])
            }
            What::Once(requests) => match take(requests) {
                Some(request) => request,
                None => return Ok(false),
            },
            What::Rotating { tokens, token_endpoint } => {
                self.token = self.token.take().or_else(|| take(tokens));
                let token = self.token.as_deref().context("more connections than refresh tokens")?;
                let form = [("grant_type", "refresh_token"), ("refresh_token", token)];
                request::post(token_endpoint, (DEMO_APP, None), &form)
            }
            What::SignIn(sign_in) => {
                let answer = sign_in.of(number, connection).await?;
                return self.answered(&answer).map(|()| true);
            }
        };
        self.answered(&connection.ask(&request).await?)?;
        Ok(true)
    }

    /// The answer must be a success: a page to go to is one.
    fn answered(&mut self, answer: &Answer<'_>) -> Result<()> {
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

/// Where an answer leads.
pub fn location(answer: &Answer<'_>) -> Result<String> {
    answer.header("location").map(str::to_owned).context("no redirect")
}

/// What a browser keeps of an answer.
pub fn cookies(answer: &Answer<'_>) -> Result<String> {
    Some(answer.cookies()).filter(|cookies| !cookies.is_empty()).context("no cookies")
}
