//! The account page: which apps have something of the person, which APIs act for them behind it, since when and when last; and
//! where the person is signed in.

use askama::Template;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{OffsetDateTime, UtcOffset};

use super::{ConsentGroup, Site};

#[derive(Template)]
#[template(path = "account.html")]
pub struct AccountPage<'a> {
    pub site: &'a Site,
    pub csrf: &'a str,
    /// Who is signed in.
    pub username: &'a str,
    pub apps: Vec<AppAccess<'a>>,
    /// Where they are signed in, the newest first.
    pub sessions: Vec<SessionLine<'a>>,
}

/// A browser in which the person is signed in.
pub struct SessionLine<'a> {
    pub sid: &'a str,
    /// As in "Firefox on Linux".
    pub device: String,
    pub address: Option<&'a str>,
    pub since: Moment,
    /// The one that shows this page.
    pub is_this: bool,
}

/// A time, for people and for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment(pub OffsetDateTime);

impl Moment {
    /// For the attribute `datetime`.
    #[must_use]
    pub fn machine(&self) -> String {
        self.0.replace_nanosecond(0).ok().and_then(|time| time.format(&Rfc3339).ok()).unwrap_or_default()
    }
}

impl std::fmt::Display for Moment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let words = format_description!("[day padding:none] [month repr:long] [year], [hour]:[minute] UTC");
        f.write_str(&self.0.to_offset(UtcOffset::UTC).format(words).unwrap_or_default())
    }
}

/// What one app has.
pub struct AppAccess<'a> {
    pub client_id: &'a str,
    pub name: &'a str,
    /// Since when it holds something that has not ended; none where it holds nothing at the moment.
    pub since: Option<Moment>,
    pub last_used: Option<Moment>,
    /// What the app itself may do.
    pub groups: Vec<ConsentGroup<'a>>,
    pub pairings: Vec<PairingAccess<'a>>,
}

/// What one API may do at another on the person's behalf, when the app calls.
pub struct PairingAccess<'a> {
    pub source: &'a str,
    pub target: &'a str,
    /// Whether the person was asked for it, and so can take it back alone; what the operator allows goes with the app.
    pub may_be_stopped: bool,
    pub last_used: Option<Moment>,
    pub group: ConsentGroup<'a>,
}
