//! Nonces for proofs of possession (RFC 9449 section 8): a proof cannot be made before its nonce is known, so none can be made
//! in advance. They are made from the time and the master key, so every replica knows them and none is stored.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use time::OffsetDateTime;

use super::MasterKey;

/// How long one nonce is given out, in seconds; it is accepted for as long again.
const PERIOD: i64 = 60;

/// The nonce of this moment.
#[must_use]
pub fn current(key: &MasterKey, now: OffsetDateTime) -> String {
    URL_SAFE_NO_PAD.encode(hmac::sign(key.nonces(), &period(now).to_be_bytes()))
}

/// Whether the nonce was given out a little while ago.
#[must_use]
pub fn is_fresh(key: &MasterKey, nonce: &str, now: OffsetDateTime) -> bool {
    let Ok(nonce) = URL_SAFE_NO_PAD.decode(nonce) else { return false };
    // The period to come: another replica's clock may be ahead.
    (-1..=1).any(|distance| hmac::verify(key.nonces(), &(period(now) + distance).to_be_bytes(), &nonce).is_ok())
}

fn period(now: OffsetDateTime) -> i64 {
    now.unix_timestamp().div_euclid(PERIOD)
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::STANDARD;
    use time::Duration;
    use time::macros::datetime;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-01-01 12:00 UTC);

    fn key(byte: u8) -> MasterKey {
        MasterKey::from_base64(&STANDARD.encode([byte; 32]).into()).unwrap()
    }

    #[test]
    fn a_nonce_is_good_for_a_minute_or_two_and_for_no_longer() {
        let nonce = current(&key(1), NOW);
        for (later, fresh) in [(0, true), (59, true), (119, true), (120, false), (600, false)] {
            assert_eq!(is_fresh(&key(1), &nonce, NOW + Duration::seconds(later)), fresh, "{later}");
        }
    }

    #[test]
    fn a_nonce_of_another_server_or_of_nobody_is_not_fresh() {
        for nonce in [current(&key(2), NOW), String::new(), "x".to_owned(), "AAAA".to_owned()] {
            assert!(!is_fresh(&key(1), &nonce, NOW), "{nonce}");
        }
    }
}
