//! No circles between files: each can be read, and moved, without those that build on it.
#![expect(clippy::unwrap_used, reason = "these are tests, their helpers included")]

mod circles;
mod source;

use std::path::Path;

use source::House;

fn circles_of(house: &House) -> Vec<String> {
    circles::among(house).iter().map(|circle| circle.join(", ")).collect()
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for name in ["auth-server", "shared-claims", "api-a", "api-b", "e2e"] {
        let house = House::read(&workspace.join(name).join("src"));
        let found = circles_of(&house);
        assert!(found.is_empty(), "files of {name} that import each other in a circle:\n  {}", found.join("\n  "));
    }
}

/// What is found in these files.
fn found_in(files: &[(&str, &str)]) -> Vec<String> {
    circles_of(&House::of(files.iter().copied()))
}

#[test]
fn a_circle_is_found_whatever_path_it_takes() {
    let room = ("store/mod.rs", "mod a;\nmod b;\npub use b::B;");
    assert_eq!(
        found_in(&[room, ("store/a.rs", "use super::b::B;"), ("store/b.rs", "use super::a::A;")]),
        ["store/a.rs, store/b.rs"]
    );
    let shown = [room, ("store/a.rs", "use crate::store::B;"), ("store/b.rs", "fn f() { super::a::f() }")];
    assert_eq!(found_in(&shown), ["store/a.rs, store/b.rs"]);
    let in_a_macro = [room, ("store/a.rs", "fn f() { vec![super::b::B] }"), ("store/b.rs", "use super::{a, error};")];
    assert_eq!(found_in(&in_a_macro), ["store/a.rs, store/b.rs"]);
}

#[test]
fn a_module_and_its_own_files_are_no_circle() {
    let room = ("store/mod.rs", "mod a;\nuse a::f;\npub struct Shared;");
    assert!(found_in(&[room, ("store/a.rs", "use super::Shared;\npub fn f(_: Shared) {}")]).is_empty());
}

#[test]
fn what_only_tests_import_is_no_circle() {
    let room = ("store/mod.rs", "mod a;\nmod b;");
    let tested = "#[cfg(test)]\nmod tests {\n use super::super::b::B;\n}";
    assert!(found_in(&[room, ("store/a.rs", tested), ("store/b.rs", "use super::a::A;")]).is_empty());
}
