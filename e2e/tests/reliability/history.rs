//! The checker: what clients saw, held against what the ledger says. It knows nothing of the faults in between.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, ensure};
use e2e::stack::Stack;
use e2e::steps::{Jwt, Tokens};
use serde::Deserialize;
use serde_json::Value;

/// What a client asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    Code(String),
    Refresh(String),
    /// By the subject token's `jti`.
    Exchange {
        subject: String,
    },
    /// That a grant ends.
    Revocation {
        grant: String,
    },
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Granted(Granted),
    Revoked,
    Refused {
        status: u16,
        error: String,
    },
    /// No answer.
    Lost,
}

/// An access token in a client's hands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Granted {
    pub jti: String,
    pub grant: String,
    pub user: String,
    pub scope: BTreeSet<String>,
    pub actors: usize,
}

impl Granted {
    pub fn of(tokens: &Tokens) -> Result<Self> {
        let token = Jwt::parse(&tokens.access_token)?;
        Ok(Self {
            jti: token.text("jti").to_owned(),
            grant: token.text("txn").to_owned(),
            user: token.text("sub").to_owned(),
            scope: token.text("scope").split(' ').map(str::to_owned).collect(),
            actors: token.actors().len(),
        })
    }
}

/// One request and its answer, each with the moment of it: a count that only goes up.
#[derive(Clone, Debug)]
pub struct Entry {
    pub asked: Asked,
    pub outcome: Outcome,
    pub began: u64,
    pub ended: u64,
}

/// All that clients saw. Clones write to the same history.
#[derive(Clone, Default)]
pub struct History(Arc<Inner>);

#[derive(Default)]
struct Inner {
    moment: AtomicU64,
    entries: Mutex<Vec<Entry>>,
}

impl History {
    pub fn now(&self) -> u64 {
        self.0.moment.fetch_add(1, Ordering::SeqCst)
    }

    pub fn add(&self, asked: Asked, began: u64, outcome: Outcome) {
        let entry = Entry { asked, outcome, began, ended: self.now() };
        self.0.entries.lock().unwrap_or_else(PoisonError::into_inner).push(entry);
    }

    pub fn entries(&self) -> Vec<Entry> {
        self.0.entries.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn granted(&self) -> usize {
        self.entries().iter().filter(|entry| matches!(entry.outcome, Outcome::Granted(_))).count()
    }

    /// Waits until so many more tokens have been given.
    pub async fn grows_by(&self, more: usize) -> Result<()> {
        let wanted = self.granted() + more;
        let patience = std::time::Duration::from_mins(1);
        let growing = async {
            while self.granted() < wanted {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(patience, growing).await.with_context(|| format!("no {more} more tokens in {patience:?}"))
    }

    /// Holds the history against the ledger of a stack.
    pub async fn check(&self, stack: &Stack) -> Result<()> {
        let rows = Rows::of(stack).await?;
        check(&self.entries(), &rows)
    }
}

/// A row of the ledger, as `audit export` writes it.
#[derive(Clone, Debug, Deserialize)]
pub struct Row {
    pub kind: String,
    pub body: Value,
}

impl Row {
    pub fn text(&self, key: &str) -> &str {
        self.body[key].as_str().unwrap_or_default()
    }
}

/// The ledger, whose hashes hold.
pub struct Rows(pub Vec<Row>);

impl Rows {
    pub async fn of(stack: &Stack) -> Result<Self> {
        let verified = stack.command(&["audit", "verify"], |_| {}).await?;
        ensure!(verified.code == 0, "the ledger does not verify: {verified:?}");
        let exported = stack.command(&["audit", "export"], |_| {}).await?;
        ensure!(exported.code == 0, "{exported:?}");
        Self::read(&exported.stdout)
    }

    pub fn read(lines: &str) -> Result<Self> {
        let rows = lines.lines().map(|line| serde_json::from_str(line).with_context(|| line.to_owned()));
        Ok(Self(rows.collect::<Result<_>>()?))
    }
}

/// Everything that must hold, whatever happened in between.
pub fn check(history: &[Entry], rows: &Rows) -> Result<()> {
    let issued = issued(rows)?;
    for (entry, granted) in history.iter().filter_map(granted_in) {
        has_its_row(granted, &issued)?;
        leads_to_a_sign_in(granted, &issued, rows)?;
        keeps_to_its_subject(entry, granted, history)?;
    }
    nothing_is_used_twice(history)?;
    one_redemption_for_each_grant(&issued)?;
    nothing_comes_from_what_was_revoked(history)
}

fn granted_in(entry: &Entry) -> Option<(&Entry, &Granted)> {
    match &entry.outcome {
        Outcome::Granted(granted) => Some((entry, granted)),
        _ => None,
    }
}

/// The rows of tokens by `jti`: one for each.
fn issued(rows: &Rows) -> Result<BTreeMap<&str, &Row>> {
    let mut issued = BTreeMap::new();
    for row in rows.0.iter().filter(|row| row.kind == "issued") {
        ensure!(issued.insert(row.text("jti"), row).is_none(), "the token {} has two rows", row.text("jti"));
    }
    Ok(issued)
}

fn has_its_row(granted: &Granted, issued: &BTreeMap<&str, &Row>) -> Result<()> {
    let row = issued.get(granted.jti.as_str()).with_context(|| format!("a token without its row: {granted:?}"))?;
    let scope: BTreeSet<String> = row.text("scope").split(' ').map(str::to_owned).collect();
    let told = (row.text("grant"), row.text("user"), &scope);
    let held = (granted.grant.as_str(), granted.user.as_str(), &granted.scope);
    ensure!(told == held, "the row says {told:?}, the token {held:?}");
    Ok(())
}

/// From token to parent to the redemption of a code, all of one grant and user, whose sign-in is on record.
fn leads_to_a_sign_in(granted: &Granted, issued: &BTreeMap<&str, &Row>, rows: &Rows) -> Result<()> {
    let mut row = issued[granted.jti.as_str()];
    let mut steps = 0;
    while row.text("grant_type") != "authorization_code" {
        let parent = row.text("parent_jti");
        let above = issued
            .get(parent)
            .with_context(|| format!("{} comes from {parent}, of which there is no row", granted.jti))?;
        let same = (row.text("grant"), row.text("user")) == (above.text("grant"), above.text("user"));
        ensure!(same, "{} is of another grant or user than {parent}", row.text("jti"));
        (row, steps) = (above, steps + 1);
        ensure!(steps < 10_000, "{} comes from itself", granted.jti);
    }
    let signed_in = rows.0.iter().any(|row| row.kind == "signed in" && row.text("user") == granted.user);
    ensure!(signed_in, "nobody signed in as {}", granted.user);
    Ok(())
}

/// The chain of an exchanged token: same user and grant, one actor more.
fn keeps_to_its_subject(entry: &Entry, granted: &Granted, history: &[Entry]) -> Result<()> {
    let Asked::Exchange { subject } = &entry.asked else { return Ok(()) };
    let subject = history.iter().filter_map(granted_in).map(|(_, granted)| granted).find(|held| held.jti == *subject);
    let subject = subject.context("a subject token from nowhere")?;
    ensure!((&subject.grant, &subject.user) == (&granted.grant, &granted.user), "{granted:?} is of another chain");
    ensure!(granted.actors > subject.actors, "{granted:?} does not name who acts");
    Ok(())
}

/// No code and no refresh token gave two answers. (A lost answer is none: then the next try may have one.)
fn nothing_is_used_twice(history: &[Entry]) -> Result<()> {
    let mut used = BTreeSet::new();
    for (entry, granted) in history.iter().filter_map(granted_in) {
        let once = match &entry.asked {
            Asked::Code(code) => code,
            Asked::Refresh(token) => token,
            Asked::Exchange { .. } | Asked::Revocation { .. } => continue,
        };
        ensure!(used.insert(once), "used twice, the second time for {}", granted.jti);
    }
    Ok(())
}

fn one_redemption_for_each_grant(issued: &BTreeMap<&str, &Row>) -> Result<()> {
    let mut grants = BTreeSet::new();
    for row in issued.values().filter(|row| row.text("grant_type") == "authorization_code") {
        ensure!(grants.insert(row.text("grant")), "the grant {} was made twice", row.text("grant"));
    }
    Ok(())
}

fn nothing_comes_from_what_was_revoked(history: &[Entry]) -> Result<()> {
    for revocation in history {
        let (Asked::Revocation { grant }, Outcome::Revoked) = (&revocation.asked, &revocation.outcome) else {
            continue;
        };
        let later = history.iter().filter(|entry| entry.began > revocation.ended).filter_map(granted_in);
        for (_, granted) in later {
            ensure!(granted.grant != *grant, "{} was given after its grant was revoked", granted.jti);
        }
    }
    Ok(())
}
