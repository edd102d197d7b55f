//! The JOSE header, read before anything is trusted (RFC 7515 section 4, RFC 8725).
//!
//! The signature library ignores `crit`, `b64`, a foreign `typ` and keys that the token itself brings. So the raw header
//! is read here first, sizes capped, and whatever this crate does not understand by design is refused by name.

use std::cell::RefCell;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::InvalidToken;

/// A longer text is not looked at: our tokens have one to two KiB.
pub(crate) const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// The `typ` of access tokens (RFC 9068 section 2.1).
const ACCESS_TOKEN: &str = "at+jwt";

/// A longer key id is not looked up.
const MAX_KID_BYTES: usize = 128;

/// The header of a token that may be an access token. Nothing of it is proven yet.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub alg: String,
    pub kid: String,
}

/// The parts of a compact token. Only the header has been read.
#[derive(Debug)]
pub(super) struct Parts<'t> {
    pub header: Arc<Header>,
    /// Header and payload with the dot between: what the signature covers (RFC 7515 section 5.2).
    pub signed: &'t [u8],
    pub payload: &'t str,
    pub signature: Vec<u8>,
}

/// Every member that this crate judges.
#[derive(Deserialize)]
struct RawHeader {
    alg: String,
    typ: Option<String>,
    kid: Option<String>,
    crit: Option<IgnoredAny>,
    b64: Option<IgnoredAny>,
    zip: Option<IgnoredAny>,
    enc: Option<IgnoredAny>,
    jwk: Option<IgnoredAny>,
    jku: Option<IgnoredAny>,
    x5u: Option<IgnoredAny>,
    x5c: Option<IgnoredAny>,
}

/// Takes a token in JWS Compact Serialization apart (RFC 7515 section 7.1). The JSON serialisations carry no such parts
/// and are thereby refused: their header may be unprotected.
pub(super) fn take_apart(token: &str) -> Result<Parts<'_>, InvalidToken> {
    take_apart_as(token, ACCESS_TOKEN, MAX_TOKEN_BYTES)
}

/// The same for a token of another kind.
pub(super) fn take_apart_as<'t>(token: &'t str, typ: &str, limit: usize) -> Result<Parts<'t>, InvalidToken> {
    if token.len() > limit {
        return Err(InvalidToken::TooLong);
    }
    // At most four pieces are ever cut, however many dots an attacker sends (CVE-2025-30204).
    let mut pieces = token.splitn(4, '.');
    let (Some(header), Some(payload), Some(signature), None) =
        (pieces.next(), pieces.next(), pieces.next(), pieces.next())
    else {
        return Err(InvalidToken::Malformed);
    };
    let signature = decode(signature)?;
    let signed = &token.as_bytes()[..header.len() + 1 + payload.len()];
    Ok(Parts { header: read_once(header, typ)?, signed, payload, signature })
}

/// A header that passed, as it was encoded.
struct Passed {
    encoded: String,
    typ: String,
    header: Arc<Header>,
}

thread_local! {
    /// The last one of this thread: an issuer's tokens have the same header for as long as they have the same key.
    static LAST: RefCell<Option<Passed>> = const { RefCell::new(None) };
}

/// Reads a header, unless it is the one that was read before.
fn read_once(encoded: &str, typ: &str) -> Result<Arc<Header>, InvalidToken> {
    LAST.with_borrow_mut(|last| match last {
        Some(passed) if passed.encoded == encoded && passed.typ == typ => Ok(Arc::clone(&passed.header)),
        _ => {
            let header = Arc::new(read(&decode(encoded)?, typ)?);
            let passed = Passed { encoded: encoded.to_owned(), typ: typ.to_owned(), header: Arc::clone(&header) };
            *last = Some(passed);
            Ok(header)
        }
    })
}

/// Base64url without padding, in its one canonical spelling (RFC 7515 section 2, RFC 4648 section 3.5).
pub(crate) fn decode(part: &str) -> Result<Vec<u8>, InvalidToken> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| InvalidToken::Malformed)
}

fn read(json: &[u8], typ: &str) -> Result<Header, InvalidToken> {
    let raw: RawHeader = super::from_plain_object(json)?;
    no_extensions(&raw)?;
    no_foreign_key(&raw)?;
    is_of_type(raw.typ.as_deref(), typ)?;
    Ok(Header { alg: raw.alg, kid: key_id(raw.kid)? })
}

/// This crate implements no extension, so every critical one is unknown (RFC 7515 section 4.1.11); `b64` changes what is
/// signed (RFC 7797); `zip` and `enc` belong to encrypted tokens.
fn no_extensions(raw: &RawHeader) -> Result<(), InvalidToken> {
    let none = raw.crit.is_none() && raw.b64.is_none() && raw.zip.is_none() && raw.enc.is_none();
    if none { Ok(()) } else { Err(InvalidToken::UnsupportedHeader) }
}

/// A token never names the key that proves it (RFC 8725 section 3.10).
fn no_foreign_key(raw: &RawHeader) -> Result<(), InvalidToken> {
    let none = raw.jwk.is_none() && raw.jku.is_none() && raw.x5u.is_none() && raw.x5c.is_none();
    if none { Ok(()) } else { Err(InvalidToken::UnsupportedHeader) }
}

/// With or without its prefix, in any case (RFC 9068 section 4, RFC 7515 section 4.1.9): what keeps an ID token or a
/// logout token from passing as an access token.
fn is_of_type(typ: Option<&str>, expected: &str) -> Result<(), InvalidToken> {
    let typ = typ.ok_or(InvalidToken::WrongType)?.to_ascii_lowercase();
    if typ.strip_prefix("application/").unwrap_or(&typ) == expected { Ok(()) } else { Err(InvalidToken::WrongType) }
}

/// Without a key id the key would have to be guessed.
fn key_id(kid: Option<String>) -> Result<String, InvalidToken> {
    let kid = kid.filter(|kid| !kid.is_empty()).ok_or(InvalidToken::UnknownKey)?;
    if kid.len() > MAX_KID_BYTES { Err(InvalidToken::TooLong) } else { Ok(kid) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(header: &str) -> String {
        URL_SAFE_NO_PAD.encode(header)
    }

    #[test]
    fn a_header_that_passed_passes_again_and_as_nothing_else() {
        let access = encoded(r#"{"alg":"ES256","kid":"k","typ":"at+jwt"}"#);
        let first = read_once(&access, ACCESS_TOKEN).unwrap();
        assert_eq!(read_once(&access, ACCESS_TOKEN), Ok(Arc::clone(&first)));
        assert_eq!(read_once(&access, "logout+jwt"), Err(InvalidToken::WrongType));
        let longer = encoded(r#"{"alg":"ES256","kid":"k","typ":"at+jwt","crit":["x"]}"#);
        assert_eq!(read_once(&longer, ACCESS_TOKEN), Err(InvalidToken::UnsupportedHeader));
        let other = read_once(&encoded(r#"{"alg":"RS256","kid":"l","typ":"at+jwt"}"#), ACCESS_TOKEN).unwrap();
        assert_eq!((other.alg.as_str(), other.kid.as_str()), ("RS256", "l"));
        assert_eq!(read_once(&access, ACCESS_TOKEN), Ok(first));
    }
}
