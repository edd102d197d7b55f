//! What is on record: one kind of row for each thing that happens.

use std::borrow::Cow;
use std::net::IpAddr;

use log::kv::Value;

use super::archived::ARCHIVED;

/// The kind of row of a token that left.
pub const ISSUED: &str = "issued";

/// Something that must be on record.
#[derive(Debug)]
pub enum Event<'a> {
    /// Tokens left the server.
    Issued {
        grant_type: &'static str,
        grant: &'a str,
        jti: &'a str,
        /// The subject token's `jti`, where the token comes from an exchange.
        parent_jti: Option<&'a str>,
        user: Option<&'a str>,
        client: &'a str,
        /// The API whose caller's token was exchanged.
        source: Option<&'a str>,
        target: Option<&'a str>,
        /// Who acts, the current actor first.
        actors: Option<&'a str>,
        /// What was asked for, where that is known apart from what was given.
        asked: Option<&'a str>,
        scope: &'a str,
    },
    /// A request ended without one.
    Refused {
        endpoint: &'static str,
        client: Option<&'a str>,
        error: &'a str,
        reason: &'a str,
    },
    /// A refresh token came again whose successor nobody had used: the successor ended, and another was given.
    RefreshTokenReplaced {
        grant: &'a str,
        why: &'a str,
    },
    /// A grant ended, and everything that came from it.
    Revoked {
        grant: &'a str,
        why: &'a str,
    },
    SignedIn {
        user: &'a str,
        session: &'a str,
        address: IpAddr,
    },
    /// `why` is for the operator: the person gets the same words whatever it says.
    SignInRefused {
        why: &'a str,
        address: IpAddr,
    },
    SignedOut {
        user: &'a str,
        session: &'a str,
    },
    Consented {
        user: &'a str,
        client: &'a str,
        /// Source and target, where it is about what one API may do at another.
        pairing: Option<(&'a str, &'a str)>,
        scope: &'a str,
    },
    ConsentDenied {
        user: &'a str,
        client: &'a str,
    },
    /// APIs, clients or pairings are not what they were; `ended`: so many grants ended with them.
    Configured {
        apis: usize,
        clients: usize,
        pairings: usize,
        ended: usize,
    },
    /// The database was brought back from a backup; `ended`: so many grants ended because of it.
    Restored {
        ended: usize,
    },
    /// A signing key was made, or taken out at once.
    KeyChanged {
        kid: &'a str,
        what: &'static str,
    },
    /// An administrator locked a user out, or let them in again.
    UserChanged {
        user: &'a str,
        what: &'static str,
    },
    /// Rows were written to a file, to be removed here. `chains`: each chain's last row in it.
    Archived {
        file: &'a str,
        rows: u64,
        sha256: &'a str,
        chains: &'a str,
    },
    /// The user took back what they had agreed to: one pairing, or everything that the client had.
    ConsentWithdrawn {
        user: &'a str,
        client: &'a str,
        pairing: Option<(&'a str, &'a str)>,
    },
}

/// What an event may tell, where there is something to tell.
type PossibleField<'a> = (&'static str, Option<Cow<'a, str>>);

/// An event in words of its own, to be put on record when what it tells of has come true.
pub struct Told(pub(super) Described<'static>);

/// An event in words: its kind, and what it tells.
pub(super) struct Described<'a> {
    pub kind: &'static str,
    pub fields: Vec<(&'static str, Cow<'a, str>)>,
}

impl Described<'_> {
    /// Writes the event's line to the log.
    pub fn log(&self) {
        let fields: Vec<(&str, Value<'_>)> =
            self.fields.iter().map(|(key, value)| (*key, Value::from(value.as_ref()))).collect();
        log::logger().log(
            &log::Record::builder()
                .level(log::Level::Info)
                .target("audit")
                .args(format_args!("{}", self.kind))
                .key_values(&fields.as_slice())
                .build(),
        );
    }

    pub fn field(&self, key: &str) -> Option<&str> {
        self.fields.iter().find(|(name, _)| *name == key).map(|(_, value)| value.as_ref())
    }
}

impl Event<'_> {
    /// Writes the event's line to the log.
    pub fn log(&self) {
        self.describe().log();
    }

    #[must_use]
    pub fn told(&self) -> Told {
        let Described { kind, fields } = self.describe();
        let fields = fields.into_iter().map(|(key, value)| (key, Cow::Owned(value.into_owned()))).collect();
        Told(Described { kind, fields })
    }

    pub(super) fn describe(&self) -> Described<'_> {
        let (kind, fields) = self.kind_and_fields();
        let fields = fields.into_iter().filter_map(|(key, value)| Some((key, value?))).collect();
        Described { kind, fields }
    }

    fn kind_and_fields<'a>(&'a self) -> (&'static str, Vec<PossibleField<'a>>) {
        let text = |text: &'a str| Some(Cow::Borrowed(text));
        let maybe = |text: Option<&'a str>| text.map(Cow::Borrowed);
        let address = |address: &IpAddr| Some(Cow::Owned(address.to_string()));
        match self {
            Self::Issued { grant_type, grant, jti, parent_jti, user, client, source, target, actors, asked, scope } => {
                (
                    ISSUED,
                    vec![
                        ("grant_type", text(grant_type)),
                        ("grant", text(grant)),
                        ("jti", text(jti)),
                        ("parent_jti", maybe(*parent_jti)),
                        ("user", maybe(*user)),
                        ("client", text(client)),
                        ("source", maybe(*source)),
                        ("target", maybe(*target)),
                        ("actors", maybe(*actors)),
                        ("asked", maybe(*asked)),
                        ("scope", text(scope)),
                    ],
                )
            }
            Self::Refused { endpoint, client, error, reason } => (
                "refused",
                vec![
                    ("endpoint", text(endpoint)),
                    ("client", maybe(*client)),
                    ("error", text(error)),
                    ("reason", text(reason)),
                ],
            ),
            Self::RefreshTokenReplaced { grant, why } => {
                ("refresh token replaced", vec![("grant", text(grant)), ("why", text(why))])
            }
            Self::Revoked { grant, why } => ("revoked", vec![("grant", text(grant)), ("why", text(why))]),
            Self::SignedIn { user, session, address: from } => {
                ("signed in", vec![("user", text(user)), ("session", text(session)), ("address", address(from))])
            }
            Self::SignInRefused { why, address: from } => {
                ("sign-in refused", vec![("why", text(why)), ("address", address(from))])
            }
            Self::SignedOut { user, session } => ("signed out", vec![("user", text(user)), ("session", text(session))]),
            Self::Consented { user, client, pairing, scope } => (
                "consented",
                vec![
                    ("user", text(user)),
                    ("client", text(client)),
                    ("source", maybe(pairing.map(|(source, _)| source))),
                    ("target", maybe(pairing.map(|(_, target)| target))),
                    ("scope", text(scope)),
                ],
            ),
            Self::ConsentWithdrawn { user, client, pairing } => (
                "consent withdrawn",
                vec![
                    ("user", text(user)),
                    ("client", text(client)),
                    ("source", maybe(pairing.map(|(source, _)| source))),
                    ("target", maybe(pairing.map(|(_, target)| target))),
                ],
            ),
            Self::Configured { apis, clients, pairings, ended } => (
                "configured",
                [("apis", apis), ("clients", clients), ("pairings", pairings), ("grants_ended", ended)]
                    .map(|(key, count)| (key, Some(Cow::Owned(count.to_string()))))
                    .into(),
            ),
            Self::Restored { ended } => ("restored", vec![("grants_ended", Some(Cow::Owned(ended.to_string())))]),
            Self::KeyChanged { kid, what } => ("key changed", vec![("kid", text(kid)), ("what", text(what))]),
            Self::UserChanged { user, what } => ("user changed", vec![("user", text(user)), ("what", text(what))]),
            Self::Archived { file, rows, sha256, chains } => (
                ARCHIVED,
                vec![
                    ("file", text(file)),
                    ("rows", Some(Cow::Owned(rows.to_string()))),
                    ("sha256", text(sha256)),
                    ("chains", text(chains)),
                ],
            ),
            Self::ConsentDenied { user, client } => {
                ("consent denied", vec![("user", text(user)), ("client", text(client))])
            }
        }
    }
}
