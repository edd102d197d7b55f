//! The sign-in page.

use askama::Template;

use super::Site;

#[derive(Template)]
#[template(path = "login.html")]
pub struct LoginPage<'a> {
    pub site: &'a Site,
    /// Hidden field.
    pub csrf: &'a str,
    /// Hidden field: the authorization request that waits. None: the person goes to their account page.
    pub request: Option<&'a str>,
    /// The app that the person comes from.
    pub client_name: Option<&'a str>,
    /// What stands in the first field: `login_hint`, or what was typed before.
    pub username: &'a str,
    pub problem: Option<SignInProblem>,
    /// Names and passwords of the demo world; never set outside of it.
    pub demo_hint: Option<&'a str>,
}

/// Why the last try did not sign in. The same words for unknown users, blocked users and wrong passwords.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignInProblem {
    Refused,
    /// Too many failed tries for this account or from this address.
    Throttled {
        seconds: u64,
    },
    /// The form was too old, or came from somewhere else.
    FormOutdated,
}

impl SignInProblem {
    #[must_use]
    pub fn sentence(self) -> String {
        match self {
            Self::Refused => "That user name and password do not match. Please check both and try again.".to_owned(),
            Self::Throttled { seconds } => {
                format!("There were too many failed tries. Please wait {} and try again.", waiting(seconds))
            }
            Self::FormOutdated => "This page was open for too long. Please sign in again.".to_owned(),
        }
    }
}

fn waiting(seconds: u64) -> String {
    match seconds {
        0 | 1 => "a second".to_owned(),
        2..=90 => format!("{seconds} seconds"),
        _ => format!("{} minutes", seconds.div_ceil(60)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_told_in_round_words_and_never_too_short() {
        for (seconds, words) in [
            (0, "a second"),
            (1, "a second"),
            (30, "30 seconds"),
            (91, "2 minutes"),
            (120, "2 minutes"),
            (121, "3 minutes"),
        ] {
            assert_eq!(waiting(seconds), words);
        }
    }
}
