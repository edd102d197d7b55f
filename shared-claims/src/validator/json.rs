//! JSON that reads the same everywhere (RFC 7515 section 4, RFC 7519 section 4: names must be unique).
//!
//! Readers differ on a member that comes twice, on `null`, on arrays in the place of objects and on deep nesting. A token
//! that depends on such a difference is refused before any of it is read into a type.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use super::InvalidToken;

/// Deep enough for ten actors inside each other, and shallow enough for any stack.
const MAX_DEPTH: usize = 16;

/// More members than any object of a token has. Few enough to look through them for one that comes twice.
const MAX_MEMBERS: usize = 128;

/// Claims that are objects. The derived readers would take an array for them, member by member.
const OBJECTS: [&str; 6] = ["act", "cnf", "jwk", "may_act", "status", "status_list"];

/// Whether `json` is one object that has one meaning.
pub(crate) fn is_plain_object(json: &[u8]) -> Result<(), InvalidToken> {
    let mut reader = serde_json::Deserializer::from_slice(json);
    let top = Value { depth: 0, must_be_object: true };
    top.deserialize(&mut reader).and_then(|()| reader.end()).map_err(|_| InvalidToken::Malformed)
}

/// A value at some depth. Reads and forgets; fails on what has more than one meaning.
#[derive(Clone, Copy)]
struct Value {
    depth: usize,
    must_be_object: bool,
}

impl Value {
    fn inside<E: serde::de::Error>(self, must_be_object: bool) -> Result<Self, E> {
        let depth = self.depth + 1;
        if depth > MAX_DEPTH { Err(E::custom("nested too deep")) } else { Ok(Self { depth, must_be_object }) }
    }

    fn plain<E: serde::de::Error>(self) -> Result<(), E> {
        if self.must_be_object { Err(E::custom("not an object")) } else { Ok(()) }
    }
}

impl<'de> DeserializeSeed<'de> for Value {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value other than null")
    }

    fn visit_bool<E: serde::de::Error>(self, _: bool) -> Result<(), E> {
        self.plain()
    }

    fn visit_i64<E: serde::de::Error>(self, _: i64) -> Result<(), E> {
        self.plain()
    }

    fn visit_u64<E: serde::de::Error>(self, _: u64) -> Result<(), E> {
        self.plain()
    }

    fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<(), E> {
        self.plain()
    }

    fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<(), E> {
        self.plain()
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        self.plain()?;
        let inside = self.inside(false)?;
        while members.next_element_seed(inside)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let mut seen: Vec<Cow<'de, str>> = Vec::with_capacity(24);
        while let Some(Name(name)) = members.next_key()? {
            let inside = self.inside(OBJECTS.contains(&&*name))?;
            members.next_value_seed(inside)?;
            if seen.contains(&name) {
                return Err(A::Error::custom("a member comes twice"));
            }
            if seen.len() == MAX_MEMBERS {
                return Err(A::Error::custom("too many members"));
            }
            seen.push(name);
        }
        Ok(())
    }
}

/// A member's name, unescaped; where nothing is escaped, as it stands in the text.
struct Name<'de>(Cow<'de, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(NameVisitor)
    }
}

struct NameVisitor;

impl<'de> Visitor<'de> for NameVisitor {
    type Value = Name<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member's name")
    }

    fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Name<'de>, E> {
        Ok(Name(Cow::Borrowed(name)))
    }

    fn visit_str<E>(self, name: &str) -> Result<Name<'de>, E> {
        Ok(Name(Cow::Owned(name.to_owned())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::empty("{}")]
    #[case::values(r#"{"a":[1,-1,1.5,"x",true],"b":{"a":{}}}"#)]
    fn an_object_with_one_meaning_passes(#[case] json: &str) {
        assert_eq!(is_plain_object(json.as_bytes()), Ok(()));
    }

    #[rstest]
    #[case::nothing("")]
    #[case::array(r#"["RS256","at+jwt"]"#)]
    #[case::text(r#""x""#)]
    #[case::null("null")]
    #[case::trailing("{}{}")]
    #[case::twice(r#"{"a":1,"a":1}"#)]
    #[case::twice_by_escape(r#"{"a":1,"\u0061":1}"#)]
    #[case::twice_inside(r#"{"x":{"a":1,"a":1}}"#)]
    #[case::twice_inside_a_list(r#"{"x":[{"a":1,"a":1}]}"#)]
    #[case::null_member(r#"{"crit":null}"#)]
    #[case::actor_as_list(r#"{"act":["api-a"]}"#)]
    #[case::actor_as_text(r#"{"act":"api-a"}"#)]
    #[case::control_character("{\"a\":\"\u{1}\"}")]
    fn anything_else_is_refused(#[case] json: &str) {
        assert_eq!(is_plain_object(json.as_bytes()), Err(InvalidToken::Malformed));
    }

    #[test]
    fn members_without_end_are_refused() {
        let object =
            |count| format!("{{{}}}", (0..count).map(|i| format!(r#""m{i}":0"#)).collect::<Vec<_>>().join(","));
        assert_eq!(is_plain_object(object(MAX_MEMBERS).as_bytes()), Ok(()));
        assert_eq!(is_plain_object(object(MAX_MEMBERS + 1).as_bytes()), Err(InvalidToken::Malformed));
    }

    #[test]
    fn nesting_is_refused_long_before_the_stack_ends() {
        for open in ["[", r#"{"act":"#] {
            let bomb = format!(r#"{{"x":{}"#, open.repeat(100_000));
            assert_eq!(is_plain_object(bomb.as_bytes()), Err(InvalidToken::Malformed));
        }
    }
}
