//! Signing in with a username and a password. Whoever guesses learns nothing from the answer or from its timing, and
//! every guess is counted before it is looked at.

use std::net::IpAddr;

use log::error;
use secrecy::SecretString;
use time::{Duration, OffsetDateTime};

use super::passwords::{PasswordError, Passwords};
use crate::store::{Attempt, AttemptKey, AttemptPolicy, Store, StoreError, User, username_key};

/// How guessing is slowed down.
#[derive(Clone, Copy, Debug)]
pub struct SignInPolicy {
    pub account: AttemptPolicy,
    pub address: AttemptPolicy,
}

impl Default for SignInPolicy {
    fn default() -> Self {
        let account = AttemptPolicy {
            free_attempts: 5,
            first_wait: Duration::SECOND,
            longest_wait: Duration::MINUTE,
            forgotten_after: Duration::minutes(15),
            cleared_by_success: true,
        };
        // Many people may share an address.
        Self { account, address: AttemptPolicy { free_attempts: 50, cleared_by_success: false, ..account } }
    }
}

/// Why nobody was signed in: the same to whoever asks, whatever the reason was.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    #[error("the username or the password is wrong")]
    Refused(Refusal),
    #[error("too many attempts")]
    TooManyAttempts { retry_after: Duration },
    /// Too many people sign in at this moment.
    #[error("too many people sign in at this moment")]
    Busy,
    #[error("signing in is not possible at this moment")]
    Unavailable(#[source] StoreError),
}

/// The reason, for the log and the ledger only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    UnknownUser,
    NoPassword,
    WrongPassword,
    Blocked,
}

impl Refusal {
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::UnknownUser => "unknown_user",
            Self::NoPassword => "no_password",
            Self::WrongPassword => "wrong_password",
            Self::Blocked => "user_blocked",
        }
    }
}

/// Signs people in.
#[derive(Clone)]
pub struct SignIn {
    store: Store,
    passwords: Passwords,
    policy: SignInPolicy,
}

impl SignIn {
    #[must_use]
    pub fn new(store: Store, passwords: Passwords, policy: SignInPolicy) -> Self {
        Self { store, passwords, policy }
    }

    /// Finds the user whose username and password these are.
    pub async fn sign_in(
        &self,
        username: &str,
        password: &SecretString,
        address: IpAddr,
        now: OffsetDateTime,
    ) -> Result<User, SignInError> {
        // A place first: an attempt that is turned away because of load must not count against anybody.
        let place = self.passwords.take_place().map_err(|error| of_password(&error))?;
        let keys = self.attempt_keys(username, address);
        match self.store.begin_attempt(keys.clone(), now).await.map_err(SignInError::Unavailable)? {
            Attempt::Allowed => {}
            Attempt::Wait(retry_after) => return Err(SignInError::TooManyAttempts { retry_after }),
        }
        let user = self.store.find_user_by_username(username).await.map_err(SignInError::Unavailable)?;
        // The same work for everybody, whatever is known about the user already.
        let hash = user.as_ref().and_then(|user| user.password_hash.as_ref());
        let right = place.verify(password, hash).await.map_err(|error| of_password(&error))?;
        let user = judge(user, right).map_err(SignInError::Refused)?;
        self.store.attempt_succeeded(keys).await.map_err(SignInError::Unavailable)?;
        Ok(user)
    }

    fn attempt_keys(&self, username: &str, address: IpAddr) -> Vec<AttemptKey> {
        vec![
            AttemptKey::new("account", &username_key(username), self.policy.account),
            AttemptKey::new("address", &network_of(address), self.policy.address),
        ]
    }
}

fn judge(user: Option<User>, right: bool) -> Result<User, Refusal> {
    match user {
        None => Err(Refusal::UnknownUser),
        Some(user) if user.password_hash.is_none() => Err(Refusal::NoPassword),
        Some(_) if !right => Err(Refusal::WrongPassword),
        Some(user) if user.blocked => Err(Refusal::Blocked),
        Some(user) => Ok(user),
    }
}

/// One IPv6 customer has at least 2^64 addresses: they count as one.
fn network_of(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}

fn of_password(error: &PasswordError) -> SignInError {
    if !matches!(error, PasswordError::Busy) {
        error!("a password could not be checked: {error}");
    }
    SignInError::Busy
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_addresses_of_one_ipv6_network_count_as_one() {
        let of = |text: &str| network_of(text.parse().unwrap());
        assert_eq!(of("2001:db8:1:2:3::4"), of("2001:db8:1:2:ffff::1"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
    }
}
