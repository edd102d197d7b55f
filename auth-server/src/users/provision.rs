//! The users of the configuration, brought into the database at every start; nothing changes where nothing has to.

use secrecy::SecretString;
use time::OffsetDateTime;

use super::passwords::{PasswordError, Passwords};
use crate::store::{NewUser, PasswordHash, Permissions, Profile, Store, StoreError, User};

/// A user as configured.
#[derive(Clone, Debug)]
pub struct ConfiguredUser {
    pub username: String,
    /// None keeps the password that is there.
    pub password: Option<ConfiguredPassword>,
    /// None keeps what an administrator has set.
    pub blocked: Option<bool>,
    pub profile: Profile,
    pub permissions: Permissions,
}

/// A password, as it is or hashed elsewhere.
#[derive(Clone, Debug)]
pub enum ConfiguredPassword {
    Plain(SecretString),
    Hashed(PasswordHash),
}

/// Why a configured user was not brought in.
#[derive(Debug, thiserror::Error)]
pub enum ProvisionError {
    #[error(transparent)]
    Password(#[from] PasswordError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes or updates one user.
pub async fn provision(
    store: &Store,
    passwords: &Passwords,
    user: ConfiguredUser,
    now: OffsetDateTime,
) -> Result<User, ProvisionError> {
    let password_hash = match user.password {
        None => None,
        Some(ConfiguredPassword::Hashed(hash)) => Some(hash),
        Some(ConfiguredPassword::Plain(password)) => {
            let present = store.find_user_by_username(&user.username).await?.and_then(|user| user.password_hash);
            // A new hash of the same password would count as a change at every start.
            if passwords.verify(&password, present.as_ref()).await? {
                None
            } else {
                Some(passwords.hash(&password).await?)
            }
        }
    };
    let new = NewUser {
        username: user.username,
        password_hash,
        blocked: user.blocked,
        profile: user.profile,
        permissions: user.permissions,
    };
    Ok(store.put_user(new, now).await?)
}
