//! What a kept answer is found by: a digest of everything that the answer depends on, above all the whole subject token, so
//! that nobody can get a token that was made for somebody else (CVE-2025-67490 and its kin).

use aws_lc_rs::digest::{Context, Digest, SHA256, digest};

use crate::{AccessToken, Scope};

/// SHA-256 over all parts, each with its length before it: no two lists of parts run together to the same text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key([u8; 32]);

/// Who asks, at whom: the same in all keys of a client.
pub(super) struct Asker {
    issuer: String,
    client_id: String,
    /// A digest of what the client authenticates with: another secret may be another client behind the same name.
    credential: Digest,
    /// The thumbprint of the own key, to which tokens may be bound.
    jkt: String,
}

impl Asker {
    pub fn new(issuer: &str, client_id: &str, credential: &[u8], jkt: &str) -> Self {
        let credential = digest(&SHA256, credential);
        Self { issuer: issuer.to_owned(), client_id: client_id.to_owned(), credential, jkt: jkt.to_owned() }
    }
}

impl Key {
    pub fn new(asker: &Asker, subject: &AccessToken, audience: &str, scope: &Scope) -> Self {
        // A scope is a set: written, its names are in alphabetical order.
        let scope = scope.to_string();
        let Asker { issuer, client_id, credential, jkt } = asker;
        let asker = [issuer.as_bytes(), client_id.as_bytes(), credential.as_ref(), jkt.as_bytes()];
        Self::of(asker, subject.text(), audience, &scope)
    }

    fn of(asker: [&[u8]; 4], subject: &str, audience: &str, scope: &str) -> Self {
        let mut hash = Context::new(&SHA256);
        for part in asker.into_iter().chain([subject, audience, scope].map(str::as_bytes)) {
            hash.update(&(part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let mut key = [0; 32];
        key.copy_from_slice(hash.finish().as_ref());
        Self(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(parts: &[String; 7]) -> Key {
        let [asker @ .., subject, audience, scope] = parts;
        Key::of(asker.each_ref().map(String::as_bytes), subject, audience, scope)
    }

    proptest! {
        /// Few letters, so that equal parts and parts that run together are common.
        #[test]
        fn two_keys_are_equal_only_where_every_part_is(one: [ShortText; 7], other: [ShortText; 7]) {
            let (one, other) = (one.map(|part| part.0), other.map(|part| part.0));
            prop_assert_eq!(key(&one) == key(&other), one == other);
        }

        #[test]
        fn letters_that_move_from_one_part_to_the_next_make_another_key(text in "[ab]{2,12}", at in 0_usize..12, to in 0_usize..12) {
            let split = |at: usize| {
                let (one, other) = text.split_at(at.min(text.len()));
                [String::new(), String::new(), String::new(), String::new(), one.to_owned(), other.to_owned(), String::new()]
            };
            prop_assert_eq!(key(&split(at)) == key(&split(to)), at.min(text.len()) == to.min(text.len()));
        }
    }

    #[derive(Clone, Debug)]
    struct ShortText(String);

    impl Arbitrary for ShortText {
        type Parameters = ();
        type Strategy = BoxedStrategy<Self>;

        fn arbitrary_with((): ()) -> Self::Strategy {
            "[ab ]{0,2}".prop_map(Self).boxed()
        }
    }
}
