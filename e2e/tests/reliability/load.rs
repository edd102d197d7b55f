//! Load as apps and APIs make it: people sign in, tokens are refreshed and exchanged, and taken back. Whoever gets no answer
//! tries again, as a client would.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::stack::Stack;
use e2e::steps::{Answer, App, Exchange, Person, Tokens};
use e2e::world::{API_B, api_a_credentials};
use tokio::task::JoinSet;

use crate::history::{Asked, Granted, History, Outcome};

/// How many people there are.
const PEOPLE: usize = 6;

/// Running load.
pub struct Load {
    pub history: History,
    stop: Arc<AtomicBool>,
    people: JoinSet<Result<()>>,
}

impl Load {
    pub fn start(stack: &Stack) -> Result<Self> {
        let (history, stop) = (History::default(), Arc::new(AtomicBool::new(false)));
        let mut people = JoinSet::new();
        for _ in 0..PEOPLE {
            let client = Client { app: stack.app()?, history: history.clone() };
            let stop = Arc::clone(&stop);
            people.spawn(async move { client.live(&stop).await });
        }
        Ok(Self { history, stop, people })
    }

    /// Lets everybody finish what they are about.
    pub async fn stop(mut self) -> Result<History> {
        self.stop.store(true, Ordering::SeqCst);
        while let Some(ended) = self.people.join_next().await {
            ended??;
        }
        Ok(self.history)
    }
}

/// A number by chance.
pub fn any(below: u64) -> u64 {
    let mut bytes = [0; 8];
    // It aborts rather than hand out bytes that are not random.
    let _ = aws_lc_rs::rand::fill(&mut bytes);
    u64::from_ne_bytes(bytes) % below
}

/// An app and the API behind it, with one person.
pub struct Client {
    pub app: App,
    pub history: History,
}

impl Client {
    async fn live(&self, stop: &AtomicBool) -> Result<()> {
        let person = Person::named("alice")?;
        while !stop.load(Ordering::SeqCst) {
            if self.life(&person, stop).await?.is_none() {
                // The server is away: whoever tries without a pause only makes noise.
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        Ok(())
    }

    /// From a sign-in to the end of what it gave; nothing where there was no sign-in.
    async fn life(&self, person: &Person, stop: &AtomicBool) -> Result<Option<()>> {
        let Some(mut tokens) = self.sign_in(person).await? else { return Ok(None) };
        for _ in 0..2 + any(6) {
            if stop.load(Ordering::SeqCst) {
                return Ok(Some(()));
            }
            self.exchange(&tokens).await?;
            match self.refresh_until_answered(tokens.refresh_token()?).await? {
                Some(renewed) => tokens = renewed,
                None => return Ok(Some(())),
            }
        }
        if any(2) == 0 && self.revoke(&tokens).await? {
            ensure!(self.exchange(&tokens).await?.is_none(), "a revoked chain was extended");
        }
        Ok(Some(()))
    }

    /// Nothing where the server is away, or the code's answer was lost: then the person starts again.
    pub async fn sign_in(&self, person: &Person) -> Result<Option<Tokens>> {
        let Ok((code, request)) = self.app.obtain_code(person).await else { return Ok(None) };
        let began = self.history.now();
        let answer = self.app.redeem(&code, &request.verifier).await;
        self.told(Asked::Code(code), began, answer)
    }

    pub async fn refresh(&self, token: &str) -> Result<Option<Tokens>> {
        let began = self.history.now();
        let answer = self.app.refresh(token).await;
        self.told(Asked::Refresh(token.to_owned()), began, answer)
    }

    /// Tries with the same token until the server says something about it. Nothing: the grant has ended.
    async fn refresh_until_answered(&self, token: &str) -> Result<Option<Tokens>> {
        let deadline = tokio::time::Instant::now() + Duration::from_mins(1);
        loop {
            let tokens = self.refresh(token).await?;
            let refused = matches!(self.last_answer(token), Some(Outcome::Refused { status: 400, .. }));
            if tokens.is_some() || refused {
                return Ok(tokens);
            }
            ensure!(tokio::time::Instant::now() < deadline, "a minute without an answer");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn last_answer(&self, token: &str) -> Option<Outcome> {
        let about_it = |asked: &Asked| matches!(asked, Asked::Refresh(refresh) if refresh == token);
        self.history.entries().into_iter().rev().find(|entry| about_it(&entry.asked)).map(|entry| entry.outcome)
    }

    pub async fn exchange(&self, tokens: &Tokens) -> Result<Option<Tokens>> {
        let began = self.history.now();
        let subject = Granted::of(tokens)?.jti;
        let answer = Exchange::of(&tokens.access_token).to(API_B).scope("read:receipts");
        let answer = answer.send(&self.app.auth_server, &api_a_credentials()).await;
        self.told(Asked::Exchange { subject }, began, answer)
    }

    /// Whether the server has said that it is done.
    pub async fn revoke(&self, tokens: &Tokens) -> Result<bool> {
        let began = self.history.now();
        let grant = Granted::of(tokens)?.grant;
        let answer = self.app.auth_server.revoke(&self.app.credentials, tokens.refresh_token()?).await;
        let outcome = match answer {
            Ok(answer) if answer.is_success() => Outcome::Revoked,
            Ok(answer) => refused(&answer)?,
            Err(_) => Outcome::Lost,
        };
        let done = outcome == Outcome::Revoked;
        self.history.add(Asked::Revocation { grant }, began, outcome);
        Ok(done)
    }

    fn told(&self, asked: Asked, began: u64, answer: Result<Answer>) -> Result<Option<Tokens>> {
        let (outcome, tokens) = match answer {
            Ok(answer) if answer.is_success() => {
                let tokens: Tokens = answer.read()?;
                (Outcome::Granted(Granted::of(&tokens)?), Some(tokens))
            }
            Ok(answer) => (refused(&answer).with_context(|| format!("{asked:?}"))?, None),
            Err(_) => (Outcome::Lost, None),
        };
        self.history.add(asked, began, outcome);
        Ok(tokens)
    }
}

/// An answer without success is an OAuth error, and a passing one says when to try again.
fn refused(answer: &Answer) -> Result<Outcome> {
    let (status, error) = (answer.status, answer.error());
    ensure!(matches!(status, 400 | 503), "{answer:?}");
    ensure!(status != 503 || !answer.header("retry-after").is_empty(), "503 without Retry-After: {answer:?}");
    Ok(Outcome::Refused { status, error })
}
