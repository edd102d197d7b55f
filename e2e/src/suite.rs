//! What a test suite needs of the machine, and what it says when that is missing: never nothing.
//!
//! A suite that cannot run prints `SKIPPED name: why`, which `./test` counts; `DEPUTY_REQUIRE=name,...` (or `all`) makes
//! it fail instead.

use std::io::Write;
use std::path::PathBuf;

/// Says that `suite` did not run.
///
/// # Panics
/// Where `DEPUTY_REQUIRE` names the suite.
pub fn skipped(suite: &str, why: &str) {
    assert!(!is_required(suite), "{suite} is required (DEPUTY_REQUIRE) but cannot run: {why}");
    // Not by println!, which the test runner swallows in a test that passes.
    let _ = writeln!(std::io::stderr().lock(), "SKIPPED {suite}: {why}");
}

fn is_required(suite: &str) -> bool {
    let required = environment("DEPUTY_REQUIRE").unwrap_or_default();
    required.split(',').map(str::trim).any(|name| name == suite || name == "all")
}

/// Whether tests of chance make many rounds (`./test --long`).
#[must_use]
pub fn is_long() -> bool {
    environment("DEPUTY_LONG").is_some_and(|value| value == "1")
}

/// Whether the pictures of the documentation are taken anew.
#[must_use]
pub fn takes_pictures() -> bool {
    environment("DEPUTY_TAKE_PICTURES").is_some_and(|value| value == "1")
}

/// A program on PATH.
pub(crate) fn find_program(name: &str) -> Option<PathBuf> {
    std::env::split_paths(&environment("PATH")?).map(|directory| directory.join(name)).find(|program| program.is_file())
}

/// Binaries that are to be used as they are.
pub(crate) fn binaries() -> Option<PathBuf> {
    environment("DEPUTY_BINARIES").map(PathBuf::from)
}

#[expect(clippy::disallowed_methods, reason = "the harness's own switches are read here only")]
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
