//! Opaque secrets that the server makes: codes, refresh tokens, cookies. 256 random bits, as 43 base64url characters.

use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// A new secret. Only its SHA-256 may be stored.
///
/// # Panics
/// If the operating system has no randomness to give: nothing that this server does is safe then.
#[must_use]
#[expect(clippy::expect_used, reason = "without randomness no token may be made")]
pub fn new_secret() -> String {
    let mut bytes = [0_u8; 32];
    rand::fill(&mut bytes).expect("the operating system gives random bytes");
    URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_43_base64url_characters_and_never_the_same() {
        let (one, other) = (new_secret(), new_secret());
        assert_eq!(one.len(), 43);
        assert!(one.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
        assert_ne!(one, other);
    }
}
