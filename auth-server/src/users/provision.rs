//! The users of the configuration, brought into the database at every start; nothing changes where nothing has to.

use aws_lc_rs::hmac;
use secrecy::{ExposeSecret as _, SecretString};
use time::OffsetDateTime;

use super::passwords::{PasswordError, Passwords, Salt};
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

/// Makes or updates one user. `salts`: the key from which a configured password's salt is made.
pub async fn provision(
    store: &Store,
    passwords: &Passwords,
    salts: &hmac::Key,
    user: ConfiguredUser,
    now: OffsetDateTime,
) -> Result<User, ProvisionError> {
    let password_hash = match user.password {
        None => None,
        Some(ConfiguredPassword::Hashed(hash)) => Some(hash),
        Some(ConfiguredPassword::Plain(password)) => {
            let present = store.find_user_by_username(&user.username).await?.and_then(|user| user.password_hash);
            let salt = salt(salts, &user.username, &password);
            // A new hash of the same password would count as a change at every start.
            let is_the_same = match &present {
                Some(hash) if passwords.hashes_with(&salt, hash) => true,
                Some(hash) => passwords.verify(&password, Some(hash)).await?,
                None => false,
            };
            if is_the_same { None } else { Some(passwords.hash(&password, salt).await?) }
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

/// Different for every user and password, and the same at every start: it tells that the password is still the one that was hashed
/// without hashing it again, which would take longer than all else at a start. Whoever reads it learns nothing without the master
/// key. Whoever has both can guess as fast as HMAC goes, and so only a password that lies in the configuration has such a salt.
fn salt(salts: &hmac::Key, username: &str, password: &SecretString) -> Salt {
    let mut context = hmac::Context::with_key(salts);
    context.update(&(username.len() as u64).to_be_bytes());
    context.update(username.as_bytes());
    context.update(password.expose_secret().as_bytes());
    let tag = context.sign();
    std::array::from_fn(|byte| tag.as_ref()[byte])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::users::PasswordSettings;

    fn key(byte: u8) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, &[byte; 32])
    }

    #[test]
    fn salts_differ_by_user_password_and_key_and_by_nothing_else() {
        let of = |byte, username, password: &str| salt(&key(byte), username, &password.into());
        let alice = of(1, "alice", "password");
        assert_eq!(alice, of(1, "alice", "password"));
        for other in
            [of(2, "alice", "password"), of(1, "bob", "password"), of(1, "alice", "other"), of(1, "alicep", "assword")]
        {
            assert_ne!(alice, other);
        }
    }

    #[tokio::test]
    async fn a_hash_is_known_by_its_salt_and_by_how_it_was_made() {
        let passwords = Passwords::new(PasswordSettings::default()).unwrap();
        let password = SecretString::from("password");
        let (its, another) = (salt(&key(1), "alice", &password), salt(&key(1), "alice", &"other".into()));
        let hash = passwords.hash(&password, its).await.unwrap();
        assert!(passwords.verify(&password, Some(&hash)).await.unwrap());
        assert!(passwords.hashes_with(&its, &hash));
        assert!(!passwords.hashes_with(&another, &hash));
        for (from, to) in [("m=19456", "m=9728"), ("argon2id", "argon2i"), ("v=19", "v=16"), ("t=2", "t=1")] {
            let weaker = hash.as_phc().replace(from, to);
            assert_ne!(weaker, hash.as_phc());
            assert!(!passwords.hashes_with(&its, &PasswordHash::of_phc(weaker)), "{to}");
        }
        assert!(!passwords.hashes_with(&its, &PasswordHash::of_phc("no hash".to_owned())));
    }
}
