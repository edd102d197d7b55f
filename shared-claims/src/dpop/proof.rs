//! Checking a proof (RFC 9449 section 4.3). The key comes with the proof, so the signature says no more than that whoever made
//! it holds that key; what counts is what the key's thumbprint is compared with afterwards.

use jsonwebtoken::jwk::{Jwk, ThumbprintHash};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};
use time::{Duration, OffsetDateTime};
use url::Url;

use super::{ALGORITHMS, access_token_hash};
use crate::validator::{algorithm, decode, from_plain_object, has_private_members};

/// A longer text is not looked at: with the largest RSA key a proof has about two KiB.
const MAX_PROOF_BYTES: usize = 4 * 1024;

/// A longer `jti` or nonce is nobody's.
const MAX_ID_BYTES: usize = 256;

/// For how long after its `iat` a proof is accepted, and so has to be remembered at least.
pub const ACCEPTED_FOR: Duration = Duration::seconds(60);

/// How far the clock of whoever made the proof may be ahead.
const AHEAD: Duration = Duration::seconds(5);

/// What a proof must be about.
#[derive(Clone, Copy, Debug)]
pub struct Demand<'a> {
    /// The request's method.
    pub method: &'a str,
    /// The request's address, as clients know it, or what else clients may call it; query and fragment do not count.
    pub addresses: &'a [Url],
    /// The access token that the request comes with, if one does.
    pub access_token: Option<&'a str>,
    pub now: OffsetDateTime,
}

/// A proof that was made for this request by whoever holds the key. Whether it was shown before is for the caller to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// The key's thumbprint (RFC 7638, SHA-256): the `jkt` that a token is bound by.
    pub jkt: String,
    pub jti: String,
    pub nonce: Option<String>,
    /// By then it is accepted no more.
    pub expires_at: OffsetDateTime,
}

/// Why a proof proves nothing. The text is one public sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidProof {
    #[error("the proof is malformed: it is one JWT in compact form")]
    Malformed,
    #[error("the proof is too long")]
    TooLong,
    #[error("the proof's header asks for what is not supported")]
    UnsupportedHeader,
    #[error("the proof's typ is not dpop+jwt")]
    WrongType,
    #[error("the proof's alg is none of those supported, or not one for its key")]
    WrongAlgorithm,
    #[error("the proof's jwk is not a public key")]
    NotAPublicKey,
    #[error("the proof's signature is wrong")]
    BadSignature,
    #[error("the proof's claims are not those of a proof: jti, htm, htu and iat")]
    Claims,
    #[error("the proof's htm is not the request's method")]
    OtherMethod,
    #[error("the proof's htu is not the request's address")]
    OtherAddress,
    #[error("the proof is too old: make one for each request")]
    TooOld,
    #[error("the proof was made in the future: is the clock right?")]
    FromTheFuture,
    #[error("the proof's ath is not the hash of the access token that came with it")]
    OtherToken,
    #[error("the proof was shown before: make one for each request")]
    Replayed,
}

impl InvalidProof {
    /// A name that stays the same from version to version.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::Malformed => "proof_malformed",
            Self::TooLong => "proof_too_long",
            Self::UnsupportedHeader => "proof_unsupported_header",
            Self::WrongType => "proof_wrong_type",
            Self::WrongAlgorithm => "proof_wrong_algorithm",
            Self::NotAPublicKey => "proof_not_a_public_key",
            Self::BadSignature => "proof_bad_signature",
            Self::Claims => "proof_claims",
            Self::OtherMethod => "proof_of_another_method",
            Self::OtherAddress => "proof_of_another_address",
            Self::TooOld => "proof_too_old",
            Self::FromTheFuture => "proof_from_the_future",
            Self::OtherToken => "proof_of_another_token",
            Self::Replayed => "proof_replayed",
        }
    }
}

#[derive(Deserialize)]
struct Header {
    typ: Option<String>,
    alg: String,
    jwk: Map<String, Value>,
    crit: Option<IgnoredAny>,
    b64: Option<IgnoredAny>,
    jku: Option<IgnoredAny>,
    x5u: Option<IgnoredAny>,
    x5c: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Claims {
    jti: String,
    htm: String,
    htu: String,
    #[serde(with = "time::serde::timestamp")]
    iat: OffsetDateTime,
    #[serde(default)]
    ath: Option<String>,
    #[serde(default)]
    nonce: Option<String>,
}

impl Proof {
    /// Checks the value of a `DPoP` header against the request that it came with.
    pub fn check(text: &str, demand: &Demand<'_>) -> Result<Self, InvalidProof> {
        if text.len() > MAX_PROOF_BYTES {
            return Err(InvalidProof::TooLong);
        }
        let mut pieces = text.splitn(4, '.');
        let (Some(header), Some(payload), Some(signature), None) =
            (pieces.next(), pieces.next(), pieces.next(), pieces.next())
        else {
            return Err(InvalidProof::Malformed);
        };
        let header: Header = read(header)?.ok_or(InvalidProof::Malformed)?;
        nothing_unknown(&header)?;
        let signed = &text.as_bytes()[..text.len() - signature.len() - 1];
        let jkt = holder(&header, signed, signature)?;
        let claims: Claims = read(payload)?.ok_or(InvalidProof::Claims)?;
        judge(&claims, demand)?;
        Ok(Self { jkt, jti: claims.jti, nonce: claims.nonce, expires_at: claims.iat + ACCEPTED_FOR + Duration::SECOND })
    }
}

/// One object of one meaning; `None` where it has not the members that it needs.
fn read<T: serde::de::DeserializeOwned>(part: &str) -> Result<Option<T>, InvalidProof> {
    let json = decode(part).map_err(|_| InvalidProof::Malformed)?;
    let read = from_plain_object(&json).ok();
    if read.is_none() {
        from_plain_object::<IgnoredAny>(&json).map_err(|_| InvalidProof::Malformed)?;
    }
    Ok(read)
}

/// RFC 7515 section 4.1.11 for extensions; a key by reference would be fetched from wherever the sender says.
fn nothing_unknown(header: &Header) -> Result<(), InvalidProof> {
    let Header { crit, b64, jku, x5u, x5c, .. } = header;
    if [crit, b64, jku, x5u, x5c].into_iter().any(Option::is_some) {
        return Err(InvalidProof::UnsupportedHeader);
    }
    let typ = header.typ.as_deref().ok_or(InvalidProof::WrongType)?.to_ascii_lowercase();
    let of_type = typ.strip_prefix("application/").unwrap_or(&typ) == "dpop+jwt";
    if of_type { Ok(()) } else { Err(InvalidProof::WrongType) }
}

/// The thumbprint of the key that the proof was signed with.
fn holder(header: &Header, signed: &[u8], signature: &str) -> Result<String, InvalidProof> {
    if has_private_members(&header.jwk) {
        return Err(InvalidProof::NotAPublicKey);
    }
    let member = |name| header.jwk.get(name).and_then(Value::as_str);
    let algorithm: Algorithm = member("kty")
        .filter(|_| ALGORITHMS.contains(&header.alg.as_str()))
        .and_then(|kty| algorithm(&header.alg, kty, member("crv")))
        .ok_or(InvalidProof::WrongAlgorithm)?;
    // What else the sender wrote into the key is none of our business, and must not reach a reader of it.
    let needed = header.jwk.iter().filter(|(name, _)| ["kty", "crv", "x", "y", "n", "e"].contains(&name.as_str()));
    let needed: Map<String, Value> = needed.map(|(name, value)| (name.clone(), value.clone())).collect();
    let jwk: Jwk = serde_json::from_value(needed.into()).map_err(|_| InvalidProof::NotAPublicKey)?;
    let key = DecodingKey::from_jwk(&jwk).map_err(|_| InvalidProof::NotAPublicKey)?;
    match jsonwebtoken::crypto::verify(signature, signed, &key, algorithm) {
        Ok(true) => jwk.thumbprint(ThumbprintHash::SHA256).map_err(|_| InvalidProof::NotAPublicKey),
        Ok(false) | Err(_) => Err(InvalidProof::BadSignature),
    }
}

fn judge(claims: &Claims, demand: &Demand<'_>) -> Result<(), InvalidProof> {
    let too_long = claims.jti.len() > MAX_ID_BYTES || claims.nonce.as_ref().is_some_and(|it| it.len() > MAX_ID_BYTES);
    if claims.jti.is_empty() || too_long {
        return Err(InvalidProof::Claims);
    }
    if claims.htm != demand.method {
        return Err(InvalidProof::OtherMethod);
    }
    let htu = address(&claims.htu).ok_or(InvalidProof::OtherAddress)?;
    if !demand.addresses.iter().any(|address| without_query(address.clone()) == htu) {
        return Err(InvalidProof::OtherAddress);
    }
    if claims.iat > demand.now.saturating_add(AHEAD) {
        return Err(InvalidProof::FromTheFuture);
    }
    if claims.iat < demand.now.saturating_sub(ACCEPTED_FOR) {
        return Err(InvalidProof::TooOld);
    }
    let expected = demand.access_token.map(access_token_hash);
    // Without a token there is nothing that `ath` could be the hash of; one that is there all the same harms nobody.
    if expected.is_some() && claims.ath != expected { Err(InvalidProof::OtherToken) } else { Ok(()) }
}

/// RFC 9449 section 4.3: compared after normalisation, without query and fragment.
fn address(htu: &str) -> Option<Url> {
    Url::parse(htu).ok().filter(Url::has_host).map(without_query)
}

fn without_query(mut url: Url) -> Url {
    url.set_query(None);
    url.set_fragment(None);
    url
}
