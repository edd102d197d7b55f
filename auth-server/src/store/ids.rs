//! Names of records, one type each, so that one kind cannot be passed for another; and secrets as they are stored.

use std::fmt::{self, Write as _};

use aws_lc_rs::{digest, rand};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use diesel::deserialize::FromSqlRow;
use diesel::expression::AsExpression;
use diesel::sql_types::{Binary, Text};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::columns::column;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal, $unlike_others:ident) => {
        $(#[$doc])*
        #[derive(
            Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, AsExpression, FromSqlRow, serde::Serialize, serde::Deserialize,
        )]
        #[diesel(sql_type = Text)]
        #[serde(transparent)]
        pub struct $name(String);

        column!($name, Text, String, String);

        impl $name {
            /// A new one, unlike any other.
            #[must_use]
            pub fn generate() -> Self {
                Self(format!(concat!($prefix, "{}"), uuid::Uuid::$unlike_others().simple()))
            }

            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<String> for $name {
            /// Takes the id out of a token or a command line. That it exists is for the store to say.
            fn from(text: String) -> Self {
                Self(text)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id!(
    /// The `sub` of a user: stable and opaque.
    UserId,
    "usr_",
    new_v4
);
id!(
    /// What one sign-in, or one machine's request, gave to one client. The ids of grants are in the order in which these were made
    /// (RFC 9562 section 5.7), so that indices grow at their end: one at random is a page of its own to write. They open nothing,
    /// and when a grant was made is in its tokens.
    GrantId,
    "grt_",
    now_v7
);

id!(
    /// Names a chain of the ledger.
    ChainId,
    "chn_",
    new_v4
);
id!(
    /// The public id of a session, the `sid` of tokens, in the order in which people signed in, as [`GrantId`]. It opens nothing: the
    /// cookie holds another value.
    SessionId,
    "ses_",
    now_v7
);

/// SHA-256 of an opaque secret: all that is stored of codes, refresh tokens and cookies.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, AsExpression, FromSqlRow)]
#[diesel(sql_type = Binary)]
pub struct SecretHash([u8; 32]);

column!(SecretHash, Binary, [u8], Vec<u8>);

impl SecretHash {
    #[must_use]
    pub fn of(secret: &str) -> Self {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest::digest(&digest::SHA256, secret.as_bytes()).as_ref());
        Self(hash)
    }
}

impl SecretHash {
    /// Whether this is the hash of a secret. In constant time: a client secret may be one that a person chose.
    #[must_use]
    pub fn is_of(&self, secret: &str) -> bool {
        self.0.ct_eq(&Self::of(secret).0).into()
    }
}

/// As text: hexadecimal, as `sha256sum` prints it.
impl serde::Serialize for SecretHash {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = String::with_capacity(64);
        for byte in self.0 {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        serializer.serialize_str(&text)
    }
}

impl<'de> serde::Deserialize<'de> for SecretHash {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let wrong = || serde::de::Error::custom("a SHA-256 is 64 hexadecimal digits");
        if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(wrong());
        }
        let mut hash = [0; 32];
        for (byte, digits) in hash.iter_mut().zip(text.as_bytes().chunks(2)) {
            let digits = std::str::from_utf8(digits).map_err(|_| wrong())?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_| wrong())?;
        }
        Ok(Self(hash))
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHash(..)")
    }
}

/// A secret that this server made: 256 random bits in 43 characters. It is handed out once and stored as its hash.
#[derive(Clone)]
pub struct OpaqueSecret(Zeroizing<String>);

impl OpaqueSecret {
    /// A new one.
    ///
    /// # Panics
    /// Where the system gives no randomness; AWS-LC aborts the process before that.
    #[must_use]
    #[expect(clippy::expect_used, reason = "see Panics")]
    pub fn generate() -> Self {
        let mut bytes = Zeroizing::new([0; 32]);
        rand::fill(bytes.as_mut()).expect("the system gives randomness");
        Self(Zeroizing::new(URL_SAFE_NO_PAD.encode(*bytes)))
    }

    /// Whether a text can be such a secret at all; what cannot need not be looked up.
    #[must_use]
    pub fn is_possible(text: &str) -> bool {
        text.len() == 43 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    }

    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    #[must_use]
    pub fn hash(&self) -> SecretHash {
        SecretHash::of(&self.0)
    }
}

impl fmt::Debug for OpaqueSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OpaqueSecret(..)")
    }
}

/// A password's hash in PHC form (argon2id).
#[derive(Clone, PartialEq, Eq, AsExpression, FromSqlRow)]
#[diesel(sql_type = Text)]
pub struct PasswordHash(String);

column!(PasswordHash, Text, String, String);

impl PasswordHash {
    #[must_use]
    pub fn of_phc(text: String) -> Self {
        Self(text)
    }

    #[must_use]
    pub fn as_phc(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grants_and_sessions_are_named_in_the_order_in_which_they_are_made() {
        let (grants, sessions): (Vec<_>, Vec<_>) =
            (0..100).map(|_| (GrantId::generate(), SessionId::generate())).unzip();
        assert!(grants.is_sorted_by(|one, next| one < next) && sessions.is_sorted_by(|one, next| one < next));
    }
}
