//! The rules of the rooms (docs/architecture.md), held by reading the imports: which room may know which, and which crate
//! belongs to which room.

#![expect(clippy::unwrap_used, reason = "a test ends where it fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

use syn::visit::Visit;

/// The rooms from the top of the house to its cellar. A room may import those below it, never those above.
const FLOORS: [&[&str]; 8] = [
    &["cli", "main"],
    &["running"],
    &["endpoints"],
    &["pages", "grants"],
    &["server"],
    &["config"],
    &["exchange", "tokens", "users", "registry", "audit"],
    &["store", "protocol", "tls"],
];

/// Rooms of one floor that may know each other, in this direction.
const NEIGHBOURS: [(&str, &str); 4] =
    [("exchange", "registry"), ("tokens", "registry"), ("store", "protocol"), ("config", "exchange")];

/// Which rooms may use a crate; everybody else must not.
const CRATES: [(&str, &[&str]); 5] = [
    ("actix_web", &["endpoints", "running", "main", "lib"]),
    ("actix_cors", &["endpoints"]),
    ("diesel", &["store"]),
    ("rcgen", &["tls"]),
    ("rustls", &["tls"]),
];

/// Rooms without I/O, and what they must not reach for.
const PURE: [&str; 2] = ["exchange", "protocol"];
const IMPURE: [&str; 6] =
    ["tokio", "std::time::SystemTime", "std::time::Instant", "std::env", "std::fs", "aws_lc_rs::rand"];

const LONGEST_FILE: usize = 400;

/// A broken rule: where, and which.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Breach {
    file: PathBuf,
    line: usize,
    rule: String,
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file.display(), self.line, self.rule)
    }
}

/// Every path that a file names, outside its tests: imports, and paths written out in full.
#[derive(Default)]
struct Paths(Vec<(String, usize)>);

impl<'ast> Visit<'ast> for Paths {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        if !is_for_tests(&module.attrs) {
            syn::visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        if !is_for_tests(&item.attrs) {
            self.flatten(&item.tree, String::new());
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.segments.len() > 1 {
            let names: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
            let line = path.segments[0].ident.span().start().line;
            self.0.push((names.join("::"), line));
        }
        syn::visit::visit_path(self, path);
    }
}

impl Paths {
    fn flatten(&mut self, tree: &syn::UseTree, before: String) {
        let join = |name: &syn::Ident| if before.is_empty() { name.to_string() } else { format!("{before}::{name}") };
        match tree {
            syn::UseTree::Path(path) => self.flatten(&path.tree, join(&path.ident)),
            syn::UseTree::Name(name) => self.0.push((join(&name.ident), name.ident.span().start().line)),
            syn::UseTree::Rename(rename) => self.0.push((join(&rename.ident), rename.ident.span().start().line)),
            syn::UseTree::Glob(glob) => {
                let line = syn::spanned::Spanned::span(glob).start().line;
                self.0.push((before, line));
            }
            syn::UseTree::Group(group) => group.items.iter().for_each(|item| self.flatten(item, before.clone())),
        }
    }
}

fn is_for_tests(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg") && attribute.parse_args::<syn::Path>().is_ok_and(|path| path.is_ident("test"))
    })
}

fn floor_of(room: &str) -> Option<usize> {
    FLOORS.iter().position(|rooms| rooms.contains(&room))
}

/// The room of a file: the first part of its path below `src`.
fn room_of(file: &Path) -> String {
    let first = file.components().next().map(|part| part.as_os_str().to_string_lossy().into_owned());
    first.unwrap_or_default().trim_end_matches(".rs").to_owned()
}

fn may_know(room: &str, other: &str) -> bool {
    let (Some(own), Some(others)) = (floor_of(room), floor_of(other)) else { return room == "lib" };
    room == other || own < others || NEIGHBOURS.contains(&(room, other))
}

/// Checks one file, given by its path below `src` and its text.
fn check(file: &Path, text: &str) -> Vec<Breach> {
    let room = room_of(file);
    let mut paths = Paths::default();
    paths.visit_file(&syn::parse_file(text).unwrap_or_else(|error| panic!("{}: {error}", file.display())));
    let mut breaches = Vec::new();
    let mut breach = |line, rule| breaches.push(Breach { file: file.to_owned(), line, rule });

    for (path, line) in paths.0 {
        if let Some(rest) = path.strip_prefix("crate::") {
            let other = rest.split("::").next().unwrap_or_default();
            if floor_of(other).is_some() && !may_know(&room, other) {
                breach(
                    line,
                    format!("`{room}` must not know `{other}`: a request walks down, and a lower room never up"),
                );
            }
        }
        for (name, rooms) in CRATES {
            let used = path == name || path.starts_with(&format!("{name}::"));
            if used && !rooms.contains(&room.as_str()) {
                breach(line, format!("`{name}` belongs to {} alone", rooms.join(", ")));
            }
        }
        for impure in IMPURE.into_iter().filter(|_| PURE.contains(&room.as_str())) {
            if path == impure || path.starts_with(&format!("{impure}::")) {
                breach(line, format!("`{room}` is pure: `{impure}` comes in as an argument"));
            }
        }
    }
    let lines = text.lines().count();
    if lines > LONGEST_FILE && !text.lines().any(|line| line.starts_with("//! Long because")) {
        breach(lines, format!("{lines} lines: split it, or say why not in a line `//! Long because ...`"));
    }
    breaches
}

fn sources() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files = walkdir::WalkDir::new(&root).into_iter().map(Result::unwrap);
    let rust = files.filter(|entry| entry.path().extension().is_some_and(|extension| extension == "rs"));
    rust.map(|entry| {
        let text = std::fs::read_to_string(entry.path()).unwrap();
        (entry.path().strip_prefix(&root).unwrap().to_owned(), text)
    })
    .collect()
}

/// A file that holds tests alone.
fn is_test_file(file: &Path) -> bool {
    file.file_name().is_some_and(|name| name == "tests.rs")
}

#[test]
fn every_room_keeps_to_its_place() {
    let sources = sources();
    assert!(sources.len() > 50, "the sources were not found");
    let mut breaches: Vec<_> =
        sources.iter().filter(|(file, _)| !is_test_file(file)).flat_map(|(file, text)| check(file, text)).collect();
    breaches.sort();
    let told: Vec<_> = breaches.iter().map(ToString::to_string).collect();
    assert!(told.is_empty(), "\n{}\n", told.join("\n"));
}

#[test]
fn every_room_has_its_floor() {
    let rooms: BTreeSet<_> = sources().iter().map(|(file, _)| room_of(file)).filter(|room| room != "lib").collect();
    let unknown: Vec<_> = rooms.iter().filter(|room| floor_of(room).is_none()).collect();
    assert!(unknown.is_empty(), "rooms without a floor: {unknown:?}");
}

#[test]
fn rooms_do_not_import_in_a_circle() {
    let mut knows: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (file, text) in sources().into_iter().filter(|(file, _)| !is_test_file(file)) {
        let mut paths = Paths::default();
        paths.visit_file(&syn::parse_file(&text).unwrap());
        let room = room_of(&file);
        let others = paths.0.iter().filter_map(|(path, _)| path.strip_prefix("crate::")?.split("::").next());
        let others = others.filter(|other| floor_of(other).is_some() && *other != room).map(str::to_owned);
        knows.entry(room.clone()).or_default().extend(others.collect::<Vec<_>>());
    }
    for room in knows.keys().filter(|room| *room != "lib") {
        let (mut seen, mut next) = (BTreeSet::new(), vec![room.clone()]);
        while let Some(here) = next.pop() {
            for other in knows.get(&here).into_iter().flatten() {
                assert_ne!(other, room, "{room} and {here} import each other in a circle");
                if seen.insert(other.clone()) {
                    next.push(other.clone());
                }
            }
        }
    }
}

#[test]
fn a_breach_of_each_kind_is_found() {
    let found =
        |file: &str, text: &str| check(Path::new(file), text).into_iter().map(|breach| breach.rule).collect::<Vec<_>>();
    for (file, text, expected) in [
        ("store/users.rs", "use crate::grants::grant;", "must not know `grants`"),
        ("store/users.rs", "fn f() { crate::endpoints::routes(); }", "must not know `endpoints`"),
        ("grants/mod.rs", "use diesel::prelude::*;", "`diesel` belongs to store"),
        ("grants/mod.rs", "use {actix_web::web, std::fmt};", "`actix_web` belongs to"),
        ("exchange/mod.rs", "use tokio::sync::Mutex;", "`exchange` is pure"),
        ("protocol/pkce.rs", "fn f() { std::time::SystemTime::now(); }", "`protocol` is pure"),
    ] {
        let breaches = found(file, text);
        assert!(breaches.iter().any(|rule| rule.contains(expected)), "{file}: {text}: {breaches:?}");
    }
    assert!(found("store/mod.rs", &"\n".repeat(500)).iter().any(|rule| rule.contains("split it")));
    assert!(found("store/mod.rs", &format!("//! Long because it is a table.\n{}", "\n".repeat(500))).is_empty());
    assert!(found("store/mod.rs", "#[cfg(test)] mod tests { use crate::grants::grant; }").is_empty());
    assert!(found("grants/mod.rs", "use crate::store::Store; use crate::exchange::decide;").is_empty());
}
