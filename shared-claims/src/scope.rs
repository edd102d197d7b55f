//! What a token allows: the `scope` parameter and claim (RFC 6749 section 3.3, RFC 9068 section 2.2.3).
//!
//! A [`Scope`] is a set: order and repetition carry no meaning, so two ways of writing the same set are equal.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use smol_str::SmolStr;

/// One name in a scope: printable ASCII without space, `"` and `\` (RFC 6749 section 3.3, `scope-token`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct ScopeToken(SmolStr);

impl ScopeToken {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The text is not a scope by RFC 6749 section 3.3.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a scope is a list of names separated by single spaces; a name is printable ASCII without '\"' and '\\'")]
pub struct InvalidScope;

fn is_scope_character(byte: u8) -> bool {
    matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e)
}

impl FromStr for ScopeToken {
    type Err = InvalidScope;

    fn from_str(text: &str) -> Result<Self, InvalidScope> {
        if !text.is_empty() && text.bytes().all(is_scope_character) { Ok(Self(text.into())) } else { Err(InvalidScope) }
    }
}

impl<'de> Deserialize<'de> for ScopeToken {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl fmt::Display for ScopeToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Borrow<str> for ScopeToken {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// A set of scope names. On the wire: the names, separated by single spaces, in alphabetical order.
///
/// They lie in that order, each once: of the few names that a scope has, a search tree would cost more than it finds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Scope(Vec<ScopeToken>);

impl Scope {
    /// The scope that allows nothing.
    #[must_use]
    pub const fn empty() -> Self {
        Self(Vec::new())
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.place_of(name).is_ok()
    }

    /// Whether every name of this scope is also in `other`.
    #[must_use]
    pub fn is_subset(&self, other: &Scope) -> bool {
        self.0.iter().all(|name| other.contains(name.as_str()))
    }

    /// The names that are in both.
    #[must_use]
    pub fn intersection(&self, other: &Scope) -> Scope {
        self.filter(|name| other.contains(name.as_str()))
    }

    /// The names of this scope that are not in `other`.
    #[must_use]
    pub fn difference(&self, other: &Scope) -> Scope {
        self.filter(|name| !other.contains(name.as_str()))
    }

    /// The names that are in one or the other.
    #[must_use]
    pub fn union(&self, other: &Scope) -> Scope {
        self.0.iter().chain(&other.0).cloned().collect()
    }

    pub fn iter(&self) -> impl Iterator<Item = &ScopeToken> {
        self.0.iter()
    }

    pub fn insert(&mut self, name: ScopeToken) {
        if let Err(place) = self.place_of(name.as_str()) {
            self.0.insert(place, name);
        }
    }

    /// The names for which `keep` holds.
    #[must_use]
    pub fn filter(&self, mut keep: impl FnMut(&ScopeToken) -> bool) -> Scope {
        // What is left of names in order is in order.
        Self(self.0.iter().filter(|name| keep(name)).cloned().collect())
    }

    /// Where a name lies, or would have to.
    fn place_of(&self, name: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|other| other.as_str().cmp(name))
    }
}

impl FromIterator<ScopeToken> for Scope {
    fn from_iter<I: IntoIterator<Item = ScopeToken>>(names: I) -> Self {
        let mut names: Vec<_> = names.into_iter().collect();
        names.sort_unstable();
        names.dedup();
        Self(names)
    }
}

impl IntoIterator for Scope {
    type Item = ScopeToken;
    type IntoIter = std::vec::IntoIter<ScopeToken>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl FromStr for Scope {
    type Err = InvalidScope;

    /// Reads names separated by single spaces. The empty text is the empty scope.
    fn from_str(text: &str) -> Result<Self, InvalidScope> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        text.split(' ').map(str::parse).collect()
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, name) in self.0.iter().enumerate() {
            if position > 0 {
                f.write_str(" ")?;
            }
            f.write_str(name.as_str())?;
        }
        Ok(())
    }
}

impl Serialize for Scope {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Scope {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn scope(text: &str) -> Scope {
        text.parse().unwrap()
    }

    #[test]
    fn order_and_repetition_carry_no_meaning() {
        assert_eq!(scope("b a b"), scope("a b"));
        assert_eq!(scope("b a b").to_string(), "a b");
    }

    #[test]
    fn names_with_control_characters_quotes_or_backslashes_are_refused() {
        for text in ["a\tb", "a\"b", "a\\b", "a\u{7f}", "é", " a", "a ", "a  b"] {
            assert_eq!(text.parse::<Scope>(), Err(InvalidScope), "{text:?}");
        }
    }

    #[test]
    fn a_part_of_a_name_is_not_the_name() {
        assert!(!scope("read:receipts").contains("read"));
        assert!(!scope("read").is_subset(&scope("read:receipts")));
    }

    /// The same as of the standard library's sets.
    fn set(scope: &Scope) -> std::collections::BTreeSet<ScopeToken> {
        scope.iter().cloned().collect()
    }

    proptest! {
        #[test]
        fn it_is_a_set(a in "[a-d]{1,2}( [a-d]{1,2}){0,5}", b in "[a-d]{1,2}( [a-d]{1,2}){0,5}", name in "[a-d]{1,2}") {
            let (mut a, b) = (scope(&a), scope(&b));
            prop_assert_eq!(set(&a.union(&b)), set(&a).union(&set(&b)).cloned().collect());
            prop_assert_eq!(set(&a.intersection(&b)), set(&a).intersection(&set(&b)).cloned().collect());
            prop_assert_eq!(set(&a.difference(&b)), set(&a).difference(&set(&b)).cloned().collect());
            prop_assert_eq!(a.is_subset(&b), set(&a).is_subset(&set(&b)));
            prop_assert_eq!(a.contains(&name), set(&a).contains(name.as_str()));
            prop_assert_eq!(a.len(), set(&a).len());
            prop_assert!(a.iter().is_sorted());
            a.insert(name.parse().unwrap());
            prop_assert!(a.contains(&name) && a.iter().is_sorted() && a.len() == set(&a).len());
        }

        #[test]
        fn what_is_written_reads_back_the_same(names in proptest::collection::vec("[!#-\\[\\]-~]{1,12}", 0..6)) {
            let original: Scope = names.iter().map(|name| name.parse().unwrap()).collect();
            prop_assert_eq!(original.to_string().parse::<Scope>().unwrap(), original);
        }

        #[test]
        fn an_intersection_never_widens(a in "[a-d ]{0,9}", b in "[a-d ]{0,9}") {
            if let (Ok(a), Ok(b)) = (a.parse::<Scope>(), b.parse::<Scope>()) {
                let both = a.intersection(&b);
                prop_assert!(both.is_subset(&a) && both.is_subset(&b));
            }
        }
    }
}
