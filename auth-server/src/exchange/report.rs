//! An explanation as it is handed out: a table for people, or JSON, at the command line and at `/oauth/explain`.

use std::fmt;

use serde::Serialize;

use super::{Explanation, Granted, Outcome, Verdict};
use crate::protocol::{Dialect, OAuthError};

/// What would become of a request, and what each rule says of it.
#[derive(Debug, Serialize)]
pub struct Report {
    pub granted: bool,
    /// What would be issued.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<WouldBe>,
    /// The answer of the token endpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<OAuthError>,
    rules: Vec<Line>,
}

#[derive(Debug, Serialize)]
struct WouldBe {
    audience: String,
    scope: String,
    act: shared_claims::Actor,
    #[serde(with = "time::serde::rfc3339")]
    expires_at: time::OffsetDateTime,
    with_id_token: bool,
    with_refresh_token: bool,
}

#[derive(Debug, Serialize)]
struct Line {
    rule: &'static str,
    demand: &'static str,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "String::is_empty")]
    looked_at: String,
    setting: &'static str,
}

impl Report {
    /// `explained`: an error where request or tokens are such that no rule could be judged.
    #[must_use]
    pub fn of(explained: &Result<Explanation, OAuthError>, dialect: Dialect) -> Self {
        match explained {
            Ok(explanation) => Self {
                granted: explanation.decision.is_ok(),
                token: explanation.decision.as_ref().ok().map(WouldBe::of),
                refusal: explanation.decision.as_ref().err().map(|refusal| refusal.clone().into_error(dialect)),
                rules: explanation.verdicts.iter().map(Line::of).collect(),
            },
            Err(error) => Self { granted: false, token: None, refusal: Some(error.clone()), rules: Vec::new() },
        }
    }
}

impl WouldBe {
    fn of(granted: &Granted) -> Self {
        Self {
            audience: granted.target.identifier.clone(),
            scope: granted.scope.to_string(),
            act: granted.actor.clone(),
            expires_at: granted.expires_at,
            with_id_token: granted.id_token,
            with_refresh_token: granted.refresh_token,
        }
    }
}

impl Line {
    fn of(verdict: &Verdict) -> Self {
        let (outcome, reason) = match &verdict.outcome {
            Outcome::Passed => ("passed", None),
            Outcome::Failed(refusal) => ("failed", Some(refusal.reason())),
            Outcome::NotJudged => ("not_judged", None),
        };
        let rule = verdict.rule;
        Self {
            rule: rule.name(),
            demand: rule.demand(),
            outcome,
            reason,
            looked_at: verdict.looked_at.clone(),
            setting: rule.setting(),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.rules {
            let mark = match line.outcome {
                "passed" => "pass",
                "failed" => "FAIL",
                _ => "-",
            };
            writeln!(f, "{mark:<4}  {:<20}  {}", line.rule, line.demand)?;
            writeln!(f, "      {:<20}  {}", "", line.looked_at)?;
            if let Some(reason) = line.reason {
                writeln!(f, "      {:<20}  {reason}; decided by {}", "", line.setting)?;
            }
        }
        if !self.rules.is_empty() {
            writeln!(f)?;
        }
        match (&self.token, &self.refusal) {
            (Some(token), _) => writeln!(
                f,
                "granted: {} at {}, until {}, acted for by {}",
                token.scope,
                token.audience,
                token.expires_at,
                token.act.history().map(|actor| actor.sub.as_str()).collect::<Vec<_>>().join(" after ")
            ),
            (None, Some(error)) => writeln!(f, "refused: {}: {}", error.code, error.error_description()),
            (None, None) => Ok(()),
        }
    }
}
