//! The claims of an access token (RFC 9068 section 2.2, RFC 8693 section 4, RFC 8417 section 2.2).
//!
//! What RFC 9068 requires is no `Option`, so a token that lacks it does not parse. Nothing is flattened: serde then
//! refuses a claim that comes twice (a second value would silently win otherwise).

use std::fmt;

use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use time::OffsetDateTime;

use crate::actor::ActorIdentity;
use crate::{Actor, Scope};

/// The claims of an access token by RFC 9068.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessTokenClaims {
    /// Who issued the token; compared character by character.
    pub iss: String,
    /// The user's stable id (`usr_...`), or the client id where no user is involved.
    pub sub: String,
    pub aud: Audience,
    #[serde(with = "time::serde::timestamp")]
    pub exp: OffsetDateTime,
    #[serde(with = "time::serde::timestamp")]
    pub iat: OffsetDateTime,
    #[serde(default, with = "time::serde::timestamp::option", skip_serializing_if = "Option::is_none")]
    pub nbf: Option<OffsetDateTime>,
    pub jti: String,
    /// The client that asked for the token: the app on the first token, the asking API's client after an exchange.
    pub client_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub azp: Option<String>,
    /// Empty where the token carries none.
    #[serde(default, skip_serializing_if = "Scope::is_empty")]
    pub scope: Scope,
    /// When the user signed in (OpenID Connect Core section 2).
    #[serde(default, with = "time::serde::timestamp::option", skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<OffsetDateTime>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acr: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub amr: Vec<String>,
    /// The user's session; absent where no user signed in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
    /// The chain's id, the same on every hop (RFC 8417 section 2.2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub txn: Option<String>,
    /// Who acts for the user; absent on the first token of a chain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub act: Option<Actor>,
    /// Who may become the actor (RFC 8693 section 4.4).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub may_act: Option<MayAct>,
    /// The key that the token is bound to (RFC 7800).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cnf: Option<Confirmation>,
    /// Where the token's status can be looked up (Token Status List).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
}

impl AccessTokenClaims {
    /// Whether a user signed in for this token. A machine's token has no `auth_time` (RFC 9068 section 2.2.1), on any
    /// hop of its chain; comparing `sub` with `client_id` would tell them apart on the first token only.
    #[must_use]
    pub fn has_user(&self) -> bool {
        self.auth_time.is_some()
    }

    /// Who acts for the user now, for access decisions (RFC 8693 section 4.1: the current actor alone counts). None on the
    /// first token of a chain: there the app that holds it acts, and `client_id` names it.
    #[must_use]
    pub fn current_actor(&self) -> Option<ActorIdentity<'_>> {
        self.act.as_ref().map(Actor::identity)
    }

    /// Everybody who acts or acted for the user, the current actor first. For audit only: those after the first are no
    /// ground for letting anybody in (RFC 8693 section 4.1). What may be demanded of them, to refuse more, is a
    /// [`ChainPolicy`](crate::ChainPolicy).
    pub fn history(&self) -> impl Iterator<Item = ActorIdentity<'_>> {
        self.act.iter().flat_map(Actor::history).map(Actor::identity)
    }
}

/// The `aud` claim: one text, or a list of texts (RFC 7519 section 4.1.3). Written as a plain text where it holds one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audience(Vec<String>);

impl Audience {
    #[must_use]
    pub fn contains(&self, identifier: &str) -> bool {
        self.0.iter().any(|member| member == identifier)
    }

    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

impl<S: Into<String>> FromIterator<S> for Audience {
    fn from_iter<I: IntoIterator<Item = S>>(members: I) -> Self {
        Self(members.into_iter().map(Into::into).collect())
    }
}

impl Serialize for Audience {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.as_slice() {
            [only] => serializer.serialize_str(only),
            several => several.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Audience {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let members = deserializer.deserialize_any(OneOrSeveral)?;
        if members.is_empty() || members.iter().any(String::is_empty) {
            return Err(D::Error::custom("aud names nobody"));
        }
        Ok(Self(members))
    }
}

/// Reads a text as a list of one.
struct OneOrSeveral;

impl<'de> Visitor<'de> for OneOrSeveral {
    type Value = Vec<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or a list of texts")
    }

    fn visit_str<E>(self, member: &str) -> Result<Vec<String>, E> {
        Ok(vec![member.to_owned()])
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut members: A) -> Result<Vec<String>, A::Error> {
        let mut read = Vec::with_capacity(members.size_hint().unwrap_or_default().min(16));
        while let Some(member) = members.next_element()? {
            read.push(member);
        }
        Ok(read)
    }
}

/// Who may become the actor for the token's subject (RFC 8693 section 4.4).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MayAct {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sub: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
}

/// The key that a token is bound to: DPoP (RFC 9449 section 6.1) or mutual TLS (RFC 8705 section 3.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirmation {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jkt: Option<String>,
    #[serde(default, rename = "x5t#S256", skip_serializing_if = "Option::is_none")]
    pub x5t_s256: Option<String>,
}

/// A reference into a Token Status List.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    pub status_list: StatusListReference,
}

/// The place of a token's status: bit `idx` of the list at `uri`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusListReference {
    pub idx: u64,
    pub uri: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    const MINIMAL: &str = r#"{"iss":"i","sub":"usr_1","aud":"b","exp":20,"iat":10,"jti":"j","client_id":"c"}"#;

    #[test]
    fn a_minimal_token_reads_and_writes_the_same() {
        let claims: AccessTokenClaims = serde_json::from_str(MINIMAL).unwrap();
        assert_eq!(serde_json::to_string(&claims).unwrap(), MINIMAL);
    }

    #[rstest]
    #[case::iss("iss")]
    #[case::sub("sub")]
    #[case::aud("aud")]
    #[case::exp("exp")]
    #[case::iat("iat")]
    #[case::jti("jti")]
    #[case::client_id("client_id")]
    fn a_token_without_a_required_claim_does_not_parse(#[case] claim: &str) {
        let mut token: serde_json::Map<String, serde_json::Value> = serde_json::from_str(MINIMAL).unwrap();
        token.remove(claim);
        assert!(serde_json::from_value::<AccessTokenClaims>(token.into()).is_err());
    }

    #[rstest]
    #[case::issuer_list(r#""iss":"i""#, r#""iss":["i","evil"]"#)]
    #[case::audience_with_a_number(r#""aud":"b""#, r#""aud":["b",7]"#)]
    #[case::empty_audience(r#""aud":"b""#, r#""aud":[]"#)]
    #[case::blank_audience(r#""aud":"b""#, r#""aud":"""#)]
    #[case::text_as_expiry(r#""exp":20"#, r#""exp":"20""#)]
    #[case::huge_expiry(r#""exp":20"#, r#""exp":1e99"#)]
    #[case::client_twice(r#""jti":"j""#, r#""jti":"j","client_id":"evil""#)]
    #[case::actor_twice(r#""jti":"j""#, r#""jti":"j","act":{"sub":"a"},"act":{"sub":"b"}"#)]
    fn a_claim_of_the_wrong_shape_does_not_parse(#[case] good: &str, #[case] bad: &str) {
        assert!(serde_json::from_str::<AccessTokenClaims>(&MINIMAL.replace(good, bad)).is_err());
    }
}
