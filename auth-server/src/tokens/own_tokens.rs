//! Access tokens of this server that come back to it: as subjects, actors, and to be introspected or revoked.
//!
//! A token that this process made not long ago is recognised by its hash, which takes the place of verifying its signature, and
//! of nothing else. What is recognised falls with its key, on restart, and whenever clients, APIs or pairings change.

use std::num::NonZeroUsize;
use std::sync::Arc;

use shared_claims::validator::{AccessTokenVerifier, InvalidExpectation, InvalidToken};
use shared_claims::{AccessTokenClaims, RecentTokens, TokenHash};
use time::OffsetDateTime;

use super::{IssuedAccessToken, KeyRing};

/// How many tokens are recognised. The claims of one take about a kilobyte.
const RECOGNISED: NonZeroUsize = NonZeroUsize::new(8192).unwrap();

/// Checks own tokens, without any leeway: both ends of the comparison are this server's clock.
pub struct OwnTokens {
    verifier: AccessTokenVerifier,
    recognised: RecentTokens<Recognised>,
    /// By `jti`.
    used: RecentTokens<()>,
}

#[derive(Clone)]
struct Recognised {
    kid: Arc<str>,
    claims: Arc<AccessTokenClaims>,
}

impl OwnTokens {
    pub fn of(issuer: &str) -> Result<Self, InvalidExpectation> {
        let verifier = AccessTokenVerifier::new(issuer)?.with_leeway(std::time::Duration::ZERO);
        Ok(Self { verifier, recognised: RecentTokens::keeping(RECOGNISED), used: RecentTokens::keeping(RECOGNISED) })
    }

    /// The claims of `token`, if this server issued it and it has not expired. What stands behind it (grant, user, client) is
    /// for the caller to look up.
    pub fn verify(
        &self,
        token: &str,
        keys: &KeyRing,
        now: OffsetDateTime,
    ) -> Result<Arc<AccessTokenClaims>, InvalidToken> {
        let keys = keys.verification();
        match TokenHash::of(token).and_then(|hash| self.recognised.find(hash)) {
            Some(known) if keys.find(&known.kid).is_some() => {
                self.verifier.judge(&known.claims, now)?;
                Ok(known.claims)
            }
            _ => self.verifier.verify(token, keys, now).map(Arc::new),
        }
    }

    /// Recognises a token that was just made, from now on.
    pub fn recognise(&self, issued: &IssuedAccessToken) {
        let Some(hash) = TokenHash::of(&issued.text) else { return };
        let (kid, claims) = (Arc::clone(&issued.kid), Arc::clone(&issued.claims));
        self.recognised.note(hash, Recognised { kid, claims });
    }

    /// A use of this token is on record: there is nothing to note any more when it comes again.
    pub fn note_use(&self, jti: &str) {
        if let Some(hash) = TokenHash::of(jti) {
            self.used.note(hash, ());
        }
    }

    #[must_use]
    pub fn is_used(&self, jti: &str) -> bool {
        TokenHash::of(jti).is_some_and(|hash| self.used.find(hash).is_some())
    }

    /// Recognises none of the tokens made so far: their signatures are verified again.
    pub fn forget_all(&self) {
        self.recognised.forget_all();
    }
}

#[cfg(test)]
mod tests {
    use shared_claims::{Audience, Scope};
    use time::Duration;
    use time::macros::datetime;

    use super::super::{AccessTokenRequest, GrantContext, PublishedKey, SigningKey, sign_access_token};
    use super::*;
    use crate::registry::SigningAlgorithm;

    const ISSUER: &str = "http://localhost:9000";
    const NOW: OffsetDateTime = datetime!(2026-01-01 12:00:00.5 UTC);

    fn ring() -> KeyRing {
        let key = Arc::new(SigningKey::generate(SigningAlgorithm::EdDSA).unwrap().0);
        KeyRing::at(NOW, [PublishedKey { key, signs_from: NOW, signs_until: None, retires_at: None }]).unwrap()
    }

    fn issued(ring: &KeyRing) -> IssuedAccessToken {
        let context =
            GrantContext { sub: "usr_alice".to_owned(), txn: "grt_1".to_owned(), sign_in: None, status: None };
        let request = AccessTokenRequest {
            audience: Audience::from_iter(["https://api-a.example"]),
            client_id: "demo-app".to_owned(),
            scope: Scope::empty(),
            act: None,
            may_act: None,
            cnf: None,
            algorithm: SigningAlgorithm::EdDSA,
            expires_at: NOW + Duration::minutes(10),
        };
        sign_access_token(ISSUER, &context, request, ring, NOW).unwrap()
    }

    /// A token that its own server recognises although its signature does not hold: whoever lets it in did not look.
    fn unsigned(issued: &IssuedAccessToken) -> IssuedAccessToken {
        let (signed, _) = issued.text.rsplit_once('.').unwrap();
        let text = format!("{signed}.{}", "A".repeat(86));
        let (claims, kid) = (Arc::clone(&issued.claims), Arc::clone(&issued.kid));
        IssuedAccessToken { text, claims, kid, expires_in: issued.expires_in, bound: issued.bound }
    }

    #[test]
    fn a_recognised_token_says_what_the_token_itself_says() {
        let (ring, tokens) = (ring(), OwnTokens::of(ISSUER).unwrap());
        let issued = issued(&ring);
        let read = tokens.verify(&issued.text, &ring, NOW).unwrap();
        tokens.recognise(&issued);
        assert_eq!(tokens.verify(&issued.text, &ring, NOW).unwrap(), read);
    }

    #[test]
    fn recognising_takes_the_place_of_the_signature_and_of_nothing_else() {
        let (ring, tokens) = (ring(), OwnTokens::of(ISSUER).unwrap());
        let forged = unsigned(&issued(&ring));
        assert_eq!(tokens.verify(&forged.text, &ring, NOW), Err(InvalidToken::BadSignature));
        tokens.recognise(&forged);
        assert!(tokens.verify(&forged.text, &ring, NOW).is_ok());
        assert_eq!(tokens.verify(&forged.text, &ring, NOW + Duration::minutes(10)), Err(InvalidToken::Expired));
        assert_eq!(tokens.verify(&format!("{}A", forged.text), &ring, NOW), Err(InvalidToken::BadSignature));
    }

    #[test]
    fn what_is_recognised_falls_with_its_key_and_with_what_it_was_made_by() {
        let (first, second, tokens) = (ring(), ring(), OwnTokens::of(ISSUER).unwrap());
        let forged = unsigned(&issued(&first));
        tokens.recognise(&forged);
        assert_eq!(tokens.verify(&forged.text, &second, NOW), Err(InvalidToken::UnknownKey));
        tokens.forget_all();
        assert_eq!(tokens.verify(&forged.text, &first, NOW), Err(InvalidToken::BadSignature));
    }
}
