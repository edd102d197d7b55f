//! JSON that reads the same everywhere (RFC 7515 section 4, RFC 7519 section 4: names must be unique).
//!
//! Readers differ on a member that comes twice, on `null`, on arrays in the place of objects and on deep nesting. A token
//! that depends on such a difference is refused while it is read, whether the type that it is read into would notice or not.

use std::borrow::Cow;
use std::fmt;

use serde::de::value::StrDeserializer;
use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error, IntoDeserializer as _, MapAccess, SeqAccess, Visitor,
};

use super::InvalidToken;

/// Deep enough for ten actors inside each other, and shallow enough for any stack.
const MAX_DEPTH: usize = 16;

/// More members than any object of a token has. Few enough to look through them for one that comes twice.
const MAX_MEMBERS: usize = 128;

/// Claims that are objects. The derived readers would take an array for them, member by member.
const OBJECTS: [&str; 6] = ["act", "cnf", "jwk", "may_act", "status", "status_list"];

/// Reads one object that has one meaning, in every member, those that `T` does not know included.
pub(crate) fn from_plain_object<'de, T: Deserialize<'de>>(json: &'de [u8]) -> Result<T, InvalidToken> {
    // Once for the whole text, and not for each string of it.
    let json = str::from_utf8(json).map_err(|_| InvalidToken::Malformed)?;
    let mut reader = serde_json::Deserializer::from_str(json);
    let top = Place { depth: 0, must_be_object: true };
    let read = T::deserialize(Plain { inner: &mut reader, place: top });
    read.and_then(|value| reader.end().map(|()| value)).map_err(|_| InvalidToken::Malformed)
}

/// Where a value stands.
#[derive(Clone, Copy)]
struct Place {
    depth: usize,
    must_be_object: bool,
}

impl Place {
    fn inside<E: Error>(self, must_be_object: bool) -> Result<Self, E> {
        let depth = self.depth + 1;
        if depth > MAX_DEPTH { Err(E::custom("nested too deep")) } else { Ok(Self { depth, must_be_object }) }
    }

    fn no_object<E: Error>(self) -> Result<(), E> {
        if self.must_be_object { Err(E::custom("not an object")) } else { Ok(()) }
    }
}

/// What reads, or is read, at a place: a deserializer, a visitor, the members of a list or the seed of a value.
struct Plain<T> {
    inner: T,
    place: Place,
}

macro_rules! forward {
    ($($read:ident($($argument:ident: $type:ty),*);)*) => {
        $(fn $read<V: Visitor<'de>>(self, $($argument: $type,)* visitor: V) -> Result<V::Value, D::Error> {
            self.inner.$read($($argument,)* Plain { inner: visitor, place: self.place })
        })*
    };
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Plain<D> {
    type Error = D::Error;

    /// What nobody asks for is looked at all the same.
    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.deserialize_any(visitor)
    }

    forward! {
        deserialize_any();
        deserialize_bool();
        deserialize_i8();
        deserialize_i16();
        deserialize_i32();
        deserialize_i64();
        deserialize_u8();
        deserialize_u16();
        deserialize_u32();
        deserialize_u64();
        deserialize_f32();
        deserialize_f64();
        deserialize_char();
        deserialize_str();
        deserialize_string();
        deserialize_bytes();
        deserialize_byte_buf();
        deserialize_option();
        deserialize_unit();
        deserialize_unit_struct(name: &'static str);
        deserialize_newtype_struct(name: &'static str);
        deserialize_seq();
        deserialize_tuple(length: usize);
        deserialize_tuple_struct(name: &'static str, length: usize);
        deserialize_map();
        deserialize_struct(name: &'static str, fields: &'static [&'static str]);
        deserialize_enum(name: &'static str, variants: &'static [&'static str]);
        deserialize_identifier();
    }
}

macro_rules! forward_values {
    ($($visit:ident($type:ty);)*) => {
        $(fn $visit<E: Error>(self, value: $type) -> Result<V::Value, E> {
            self.place.no_object()?;
            self.inner.$visit(value)
        })*
    };
}

/// `null` (`visit_unit`, `visit_none`) is nothing that it takes, nor are variants of an enumeration.
impl<'de, V: Visitor<'de>> Visitor<'de> for Plain<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.expecting(f)
    }

    forward_values! {
        visit_bool(bool);
        visit_i64(i64);
        visit_u64(u64);
        visit_f64(f64);
        visit_str(&str);
        visit_borrowed_str(&'de str);
        visit_string(String);
    }

    fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        self.inner.visit_some(Plain { inner, place: self.place })
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        self.inner.visit_newtype_struct(Plain { inner, place: self.place })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, members: A) -> Result<V::Value, A::Error> {
        self.place.no_object()?;
        self.inner.visit_seq(Plain { inner: members, place: self.place.inside(false)? })
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<V::Value, A::Error> {
        let place = self.place;
        self.inner.visit_map(Members { inner: members, place, inside: place, seen: Vec::with_capacity(24) })
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Plain<A> {
    type Error = A::Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        self.inner.next_element_seed(Plain { inner: seed, place: self.place })
    }

    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint()
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Plain<S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, inner: D) -> Result<S::Value, D::Error> {
        self.inner.deserialize(Plain { inner, place: self.place })
    }
}

/// The members of an object.
struct Members<'de, A> {
    inner: A,
    place: Place,
    /// Where the next value stands.
    inside: Place,
    seen: Vec<Cow<'de, str>>,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Members<'de, A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        let Some(Name(name)) = self.inner.next_key()? else { return Ok(None) };
        if self.seen.contains(&name) {
            return Err(Error::custom("a member comes twice"));
        }
        if self.seen.len() == MAX_MEMBERS {
            return Err(Error::custom("too many members"));
        }
        self.inside = self.place.inside(OBJECTS.contains(&&*name))?;
        let key: StrDeserializer<'_, A::Error> = (*name).into_deserializer();
        let key = seed.deserialize(key).map(Some);
        self.seen.push(name);
        key
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        self.inner.next_value_seed(Plain { inner: seed, place: self.inside })
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
    use serde::de::IgnoredAny;

    use crate::AccessTokenClaims;

    /// Whatever it says.
    fn is_plain_object(json: &[u8]) -> Result<(), InvalidToken> {
        from_plain_object::<IgnoredAny>(json).map(drop)
    }

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

    #[rstest]
    #[case::in_a_text(b"{\"a\":\"\xff\"}")]
    #[case::in_a_name(b"{\"\xff\":1}")]
    #[case::cut_off(b"{\"a\":\"\xe2\x82\"}")]
    #[case::between(b"{\xff}")]
    fn what_is_not_utf_8_is_refused(#[case] json: &[u8]) {
        assert_eq!(is_plain_object(json), Err(InvalidToken::Malformed));
    }

    /// Valid claims, but for what is said of one member.
    fn claims_with(member: &str) -> Result<AccessTokenClaims, InvalidToken> {
        let known =
            r#""iss":"i","sub":"s","aud":["a","b"],"exp":2,"iat":1,"jti":"j","client_id":"c","act":{"sub":"x"}"#;
        from_plain_object(format!("{{{known},{member}}}").as_bytes())
    }

    #[rstest]
    #[case::null(r#""sid":null"#)]
    #[case::list_for_an_object(r#""cnf":["t"]"#)]
    #[case::unknown_null(r#""x":{"y":[null]}"#)]
    #[case::unknown_twice(r#""x":{"y":1,"y":1}"#)]
    #[case::unknown_and_known_twice(r#""x":1,"\u0069ss":"i""#)]
    #[case::twice(r#""act":{"sub":"x"}"#)]
    fn what_a_type_would_not_notice_is_refused_while_it_is_read(#[case] member: &str) {
        assert_eq!(claims_with(r#""x":{"y":[1]}"#).map(|claims| claims.aud.iter().count()), Ok(2));
        assert_eq!(claims_with(member), Err(InvalidToken::Malformed));
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
