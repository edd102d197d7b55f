//! Passwords: argon2id (RFC 9106), off the async threads, so many at once and no more, since each needs 19 MiB and 20 ms.

use std::sync::Arc;

use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _, phc};
use argon2::{Algorithm, Argon2, Params, Version};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::spawn_blocking;

use crate::store::PasswordHash;

/// Nobody types more; hashing more would be work given away.
const LONGEST_PASSWORD: usize = 1024;

/// Compared where there is nothing to compare with, so that an unknown user takes as long as a known one. Random bytes: it is
/// the hash of no password that anybody knows, and a match would count for nothing.
const DECOY: &str = "$argon2id$v=19$m=19456,t=2,p=1$m41p92VoQLuZrW8BUo1C1w$zdiJ0dbK2N8P+q4svdN/aOy5EnQyu/y9zDGeElU4wIE";

const ALGORITHM: Algorithm = Algorithm::Argon2id;
const VERSION: Version = Version::V0x13;

/// What is hashed with a password.
pub type Salt = [u8; 16];

/// How much work passwords may make.
#[derive(Clone, Copy, Debug)]
pub struct PasswordSettings {
    /// So many are computed at once.
    pub at_once: usize,
    /// So many more wait; whoever comes then is told to come back.
    pub waiting: usize,
}

impl Default for PasswordSettings {
    fn default() -> Self {
        Self { at_once: std::thread::available_parallelism().map_or(2, usize::from), waiting: 64 }
    }
}

/// Why a password was neither hashed nor compared.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    #[error("too many passwords are being checked")]
    Busy,
    #[error("a password has at most {LONGEST_PASSWORD} bytes")]
    TooLong,
    #[error("the password could not be hashed: {0}")]
    Failed(String),
}

/// Hashes and compares passwords. Clones share the bounds.
#[derive(Clone)]
pub struct Passwords {
    argon2: Arc<Argon2<'static>>,
    places: Arc<Semaphore>,
    at_once: Arc<Semaphore>,
}

/// A place in the queue: whoever has one will get an answer.
pub(super) struct Place<'a> {
    passwords: &'a Passwords,
    held: OwnedSemaphorePermit,
}

impl Passwords {
    pub fn new(settings: PasswordSettings) -> Result<Self, PasswordError> {
        // OWASP's first choice for argon2id where memory counts: 19 MiB, two passes.
        let params = Params::new(19 * 1024, 2, 1, None).map_err(failed)?;
        let argon2 = Argon2::new(ALGORITHM, VERSION, params);
        let at_once = settings.at_once.clamp(1, 1024);
        Ok(Self {
            argon2: Arc::new(argon2),
            places: Arc::new(Semaphore::new(at_once + settings.waiting.min(65_536))),
            at_once: Arc::new(Semaphore::new(at_once)),
        })
    }

    /// The hash to keep of a new password. `salt`: no other password has the same.
    pub async fn hash(&self, password: &SecretString, salt: Salt) -> Result<PasswordHash, PasswordError> {
        if password.expose_secret().len() > LONGEST_PASSWORD {
            return Err(PasswordError::TooLong);
        }
        let place = self.take_place()?;
        let (argon2, password) = (Arc::clone(&self.argon2), password.clone());
        place.work(move || hash(&argon2, password.expose_secret(), &salt)).await?
    }

    /// Whether this hash would be made today of a password with this salt.
    #[must_use]
    pub fn hashes_with(&self, salt: &Salt, hash: &PasswordHash) -> bool {
        let Ok(hash) = phc::PasswordHash::new(hash.as_phc()) else { return false };
        let costs = |params: &Params| (params.m_cost(), params.t_cost(), params.p_cost());
        hash.algorithm == ALGORITHM.ident()
            && hash.version == Some(VERSION.into())
            && Params::try_from(&hash).is_ok_and(|params| costs(&params) == costs(self.argon2.params()))
            && hash.salt.is_some_and(|of_hash| *of_hash == *salt)
    }

    /// Whether this is the password. Without a hash the answer is no, after the same work.
    pub async fn verify(&self, password: &SecretString, hash: Option<&PasswordHash>) -> Result<bool, PasswordError> {
        self.take_place()?.verify(password, hash).await
    }

    pub(super) fn take_place(&self) -> Result<Place<'_>, PasswordError> {
        let held = Arc::clone(&self.places).try_acquire_owned().map_err(|_| PasswordError::Busy)?;
        Ok(Place { passwords: self, held })
    }
}

impl Place<'_> {
    pub(super) async fn verify(
        self,
        password: &SecretString,
        hash: Option<&PasswordHash>,
    ) -> Result<bool, PasswordError> {
        if password.expose_secret().len() > LONGEST_PASSWORD {
            return Ok(false);
        }
        let known = hash.is_some();
        let hash = hash.cloned().unwrap_or_else(|| PasswordHash::of_phc(DECOY.to_owned()));
        let (argon2, password) = (Arc::clone(&self.passwords.argon2), password.clone());
        let matches = self
            .work(move || argon2.verify_password(password.expose_secret().as_bytes(), hash.as_phc()).is_ok())
            .await?;
        Ok(matches && known)
    }

    async fn work<T: Send + 'static>(self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, PasswordError> {
        let turn = Arc::clone(&self.passwords.at_once).acquire_owned().await.map_err(failed)?;
        let held = (self.held, turn);
        let done = spawn_blocking(move || {
            // Held until the work is done, even where nobody waits for it any more.
            let _held = held;
            work()
        });
        done.await.map_err(failed)
    }
}

fn hash(argon2: &Argon2<'_>, password: &str, salt: &Salt) -> Result<PasswordHash, PasswordError> {
    let hash = argon2.hash_password_with_salt(password.as_bytes(), salt).map_err(failed)?;
    Ok(PasswordHash::of_phc(hash.to_string()))
}

fn failed(error: impl std::fmt::Display) -> PasswordError {
    PasswordError::Failed(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SALT: Salt = [1; 16];

    fn passwords(at_once: usize, waiting: usize) -> Passwords {
        Passwords::new(PasswordSettings { at_once, waiting }).unwrap()
    }

    fn secret(text: &str) -> SecretString {
        SecretString::from(text)
    }

    #[tokio::test]
    async fn the_right_password_matches_and_another_does_not() {
        let passwords = passwords(2, 8);
        let hash = passwords.hash(&secret("alice-password"), SALT).await.unwrap();
        assert!(hash.as_phc().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", hash.as_phc());
        assert!(passwords.verify(&secret("alice-password"), Some(&hash)).await.unwrap());
        assert!(!passwords.verify(&secret("alice-passworD"), Some(&hash)).await.unwrap());
    }

    #[tokio::test]
    async fn the_same_password_with_another_salt_hashes_differently() {
        let passwords = passwords(2, 8);
        let first = passwords.hash(&secret("p"), SALT).await.unwrap();
        let second = passwords.hash(&secret("p"), [2; 16]).await.unwrap();
        assert_ne!(first, second);
    }

    #[tokio::test]
    async fn nothing_matches_where_there_is_no_hash_or_no_readable_one() {
        let passwords = passwords(2, 8);
        assert!(!passwords.verify(&secret(""), None).await.unwrap());
        assert!(!passwords.verify(&secret(""), Some(&PasswordHash::of_phc(String::new()))).await.unwrap());
    }

    #[tokio::test]
    async fn an_unknown_user_costs_the_work_of_a_known_one() {
        let real = passwords(1, 1).hash(&secret("p"), SALT).await.unwrap();
        let cost = |phc: &str| phc.split('$').take(4).collect::<Vec<_>>().join("$");
        assert_eq!(cost(DECOY), cost(real.as_phc()));
        let lengths = |phc: &str| phc.split('$').skip(4).map(str::len).collect::<Vec<_>>();
        assert_eq!(lengths(DECOY), lengths(real.as_phc()));
    }

    #[tokio::test]
    async fn an_endless_password_costs_no_work() {
        let passwords = passwords(1, 1);
        let endless = secret(&"p".repeat(LONGEST_PASSWORD + 1));
        assert!(matches!(passwords.hash(&endless, SALT).await, Err(PasswordError::TooLong)));
        assert!(!passwords.verify(&endless, None).await.unwrap());
    }

    #[tokio::test]
    async fn whoever_finds_the_queue_full_is_told_at_once() {
        let passwords = passwords(1, 1);
        let _first = passwords.take_place().unwrap();
        let second = passwords.take_place().unwrap();
        assert!(matches!(passwords.verify(&secret("p"), None).await, Err(PasswordError::Busy)));
        drop(second);
        assert!(!passwords.verify(&secret("p"), None).await.unwrap());
    }
}
