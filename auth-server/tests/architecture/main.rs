//! The rules of the rooms (docs/architecture.md), held by reading the imports of `src`.
//!
//! Add a folder to `src`: give it a place in [`ROOMS`]. A rule that gets in the way is a question to ask, not a line to
//! delete.

mod circles;
mod source;

use std::fmt;
use std::path::Path;

use source::{House, Source};

/// From the one that all requests enter to the ones that know nothing of the others. A room imports lower ones only.
const ROOMS: [&[&str]; 11] = [
    &["main"],
    &["cli"],
    &["lib", "running"],
    &["endpoints"],
    &["grants", "pages"],
    &["server"],
    &["config"],
    &["audit", "exchange", "tokens", "users"],
    &["registry"],
    &["store"],
    &["protocol", "logging"],
];
/// Where a request is HTTP.
const HTTP: [&str; 5] = ["endpoints", "pages", "lib", "main", "running"];
/// Time and randomness come in as arguments here, and nothing waits.
const PURE: [&str; 2] = ["exchange", "protocol"];
const LONG: usize = 400;

/// A line that breaks a rule.
#[derive(Debug, PartialEq, Eq)]
struct Violation {
    file: String,
    line: usize,
    rule: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.rule)
    }
}

fn violation(source: &Source, line: usize, rule: impl Into<String>) -> Violation {
    Violation { file: source.file.clone(), line, rule: rule.into() }
}

fn height(room: &str) -> Option<usize> {
    ROOMS.iter().rev().position(|floor| floor.contains(&room))
}

fn violations(house: &House) -> Vec<Violation> {
    let mut found = Vec::new();
    for source in house.sources() {
        found.extend(is_short_or_says_why(source));
        found.extend(has_a_place(source));
        found.extend(keeps_frameworks_in_their_rooms(source));
        found.extend(is_pure_where_it_must_be(source));
        found.extend(imports_downwards_only(house, source));
    }
    found.extend(circles::among(house).into_iter().map(|circle| {
        let files: Vec<&str> = circle.iter().map(|source| source.file.as_str()).collect();
        violation(circle[0], 1, format!("these files import each other in a circle: {}", files.join(", ")))
    }));
    found
}

fn is_short_or_says_why(source: &Source) -> Option<Violation> {
    let lines = source.text.lines().count();
    let justified = source.text.lines().any(|line| line.starts_with("//! Long because"));
    (lines > LONG && !justified).then(|| {
        let rule = format!("{lines} lines are more than {LONG}: split the file, or say why in a line \"//! Long because ...\"");
        violation(source, LONG, rule)
    })
}

fn has_a_place(source: &Source) -> Option<Violation> {
    height(source.room()).is_none().then(|| {
        violation(source, 1, format!("the room {:?} has no place in ROOMS of tests/architecture/main.rs", source.room()))
    })
}

fn keeps_frameworks_in_their_rooms(source: &Source) -> Vec<Violation> {
    let room = source.room();
    let allowed = |name: &str| match name {
        "actix_web" | "actix_cors" | "actix_http" => HTTP.contains(&room),
        "diesel" | "diesel_migrations" | "r2d2" => room == "store",
        "tokio" => !PURE.contains(&room),
        _ => true,
    };
    let strangers = source.references.iter().filter(|reference| !allowed(&reference.path[0]));
    strangers
        .map(|reference| {
            let name = &reference.path[0];
            violation(source, reference.line, format!("{room}/ must not use {name} (it has {})", reference.path.join("::")))
        })
        .collect()
}

fn is_pure_where_it_must_be(source: &Source) -> Vec<Violation> {
    if !PURE.contains(&source.room()) {
        return Vec::new();
    }
    let reads = |path: &[String]| {
        let clock = ["now", "now_utc", "now_local", "SystemTime", "Instant", "Clock", "SystemClock", "elapsed"];
        let random = ["rand", "new_v4", "SystemRandom"];
        path.iter().any(|part| clock.contains(&part.as_str()) || random.contains(&part.as_str()))
    };
    // A variable `now` is the argument that the rule asks for: only paths and calls read a clock.
    let impure = source.references.iter().chain(&source.calls).filter(|reference| reads(&reference.path));
    impure
        .map(|reference| {
            let rule = format!("{}/ takes time and randomness as arguments (it has {})", source.room(), reference.path.join("::"));
            violation(source, reference.line, rule)
        })
        .collect()
}

fn imports_downwards_only(house: &House, source: &Source) -> Vec<Violation> {
    let room = source.room();
    let mut found = Vec::new();
    for (line, target) in house.imports(source) {
        let other = target.room();
        if other != room && height(other) >= height(room) {
            found.push(violation(source, line, format!("{room}/ must not import {other}/, which does not lie below it")));
        }
    }
    found
}

fn report(found: &[Violation]) -> String {
    found.iter().map(|violation| format!("\n  {violation}")).collect()
}

#[test]
fn the_house_keeps_its_rules() {
    let house = House::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    assert!(house.sources().count() > 50, "the sources were not found");
    let found = violations(&house);
    assert!(found.is_empty(), "{}", report(&found));
}

#[test]
fn files_of_the_other_crates_are_short_or_say_why() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let crates = ["shared-claims", "api-a", "api-b", "e2e"].map(|name| House::read(&workspace.join(name).join("src")));
    let found: Vec<_> = crates.iter().flat_map(House::sources).filter_map(is_short_or_says_why).collect();
    assert!(found.is_empty(), "{}", report(&found));
}

mod a_breach_is_found {
    use super::*;

    /// What the rules say of these files.
    fn said_of(files: &[(&str, &str)]) -> String {
        report(&violations(&House::of(files.iter().copied())))
    }

    #[test]
    fn of_a_framework_outside_its_room() {
        let said = said_of(&[("users/mod.rs", "//! Users.\nuse actix_web::web;\nfn f() { diesel::connection(); }")]);
        assert!(said.contains("users/mod.rs:2: users/ must not use actix_web"), "{said}");
        assert!(said.contains("users/mod.rs:3: users/ must not use diesel"), "{said}");
    }

    #[test]
    fn of_a_framework_inside_a_macro() {
        let said = said_of(&[("grants/mod.rs", "fn f() {\n  vec![diesel::insert()];\n}")]);
        assert!(said.contains("grants/mod.rs:2: grants/ must not use diesel"), "{said}");
    }

    #[test]
    fn of_a_clock_in_a_pure_room() {
        for line in ["use std::time::Instant;", "fn f() { time::OffsetDateTime::now_utc(); }", "fn f(c: C) { c.now(); }"] {
            let said = said_of(&[("exchange/lifetime.rs", line)]);
            assert!(said.contains("exchange/lifetime.rs:1: exchange/ takes time"), "{line}: {said}");
        }
    }

    #[test]
    fn of_randomness_and_waiting_in_a_pure_room() {
        assert!(said_of(&[("protocol/pkce.rs", "use aws_lc_rs::rand;")]).contains("takes time and randomness"));
        assert!(said_of(&[("protocol/pkce.rs", "use tokio::time::sleep;")]).contains("protocol/ must not use tokio"));
    }

    #[test]
    fn of_an_import_upwards() {
        let grants = ("grants/mod.rs", "pub struct Issued;");
        let said = said_of(&[grants, ("store/mod.rs", "fn f() -> crate::grants::Issued { todo() }")]);
        assert!(said.contains("store/mod.rs:1: store/ must not import grants/"), "{said}");
    }

    #[test]
    fn of_an_import_upwards_by_another_name() {
        let root = ("lib.rs", "pub mod grants;\npub mod store;\npub use grants::Issued;");
        let said = said_of(&[root, ("grants/mod.rs", "pub struct Issued;"), ("store/mod.rs", "use crate::Issued;")]);
        assert!(said.contains("store/mod.rs:1: store/ must not import grants/"), "{said}");
    }

    #[test]
    fn of_a_circle_between_files() {
        let room = ("store/mod.rs", "mod a;\nmod b;\npub use b::B;");
        let said = said_of(&[room, ("store/a.rs", "use super::B;"), ("store/b.rs", "use super::a::A;")]);
        assert!(said.contains("in a circle: store/a.rs, store/b.rs"), "{said}");
    }

    #[test]
    fn of_a_long_file_without_a_reason() {
        let long = "// line\n".repeat(LONG + 1);
        assert!(said_of(&[("store/mod.rs", &long)]).contains("401 lines are more than 400"));
        let justified = format!("//! Rows.\n//!\n//! Long because a table has many columns.\n{long}");
        assert_eq!(said_of(&[("store/mod.rs", &justified)]), "");
    }

    #[test]
    fn of_a_room_without_a_place() {
        assert!(said_of(&[("helpers/mod.rs", "")]).contains("the room \"helpers\" has no place"));
    }
}

mod no_breach_is_made_of {
    use super::*;

    fn is_fine(files: &[(&str, &str)]) {
        assert_eq!(report(&violations(&House::of(files.iter().copied()))), "");
    }

    #[test]
    fn time_that_comes_in_as_an_argument() {
        is_fine(&[("exchange/lifetime.rs", "fn left(now: OffsetDateTime) -> Duration { end - now }")]);
    }

    #[test]
    fn what_only_tests_use() {
        is_fine(&[("exchange/mod.rs", "#[cfg(test)]\nmod tests {\n use tokio::test;\n use crate::grants::Issued;\n}")]);
        is_fine(&[("exchange/mod.rs", "#[cfg(test)]\nmod tests;"), ("exchange/tests.rs", "use tokio::test;")]);
    }

    #[test]
    fn a_room_that_shows_what_its_files_hold() {
        let room = ("store/mod.rs", "mod a;\npub use a::A;\npub struct Shared;");
        is_fine(&[room, ("store/a.rs", "use super::Shared;\npub struct A(Shared);")]);
    }
}
