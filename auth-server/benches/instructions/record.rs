//! The recorded counts, what they hold for, and what is to be said of new ones beside them.

use std::collections::BTreeMap;
use std::fmt;
use std::process::Command;

use serde::{Deserialize, Serialize};

/// How far a count may rise, in percent.
const TOLERANCE: f64 = 5.0;

/// Instructions of one call, without the signature, by name.
pub type Counts = BTreeMap<String, u64>;

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    pub conditions: Conditions,
    pub instructions: Counts,
}

/// What counts depend on beside the code: another compiler makes other instructions, and the C library copies and compares
/// memory with what the processor has. Under other conditions nothing can be told from them.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conditions {
    pub rustc: String,
    pub processor: String,
}

impl Conditions {
    pub fn here() -> Self {
        let version = Command::new("rustc").arg("--version").output().unwrap().stdout;
        Self { rustc: String::from_utf8(version).unwrap().trim().to_owned(), processor: processor() }
    }
}

impl fmt::Display for Conditions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {}", self.rustc, self.processor)
    }
}

/// Valgrind offers AVX2 where the processor has it, and nothing beyond.
#[cfg(target_arch = "x86_64")]
fn processor() -> String {
    format!("x86_64 {} AVX2", if std::is_x86_feature_detected!("avx2") { "with" } else { "without" })
}

#[cfg(not(target_arch = "x86_64"))]
fn processor() -> String {
    std::env::consts::ARCH.to_owned()
}

impl Record {
    pub fn read(text: &str) -> Self {
        toml::from_str(text).unwrap()
    }

    pub fn written(&self) -> String {
        let head = "# Written by `cargo bench -p auth-server --bench instructions -- --record`.\n# Instructions of one call, without those of the signature.\n";
        format!("{head}{}", toml::to_string(self).unwrap())
    }
}

/// What is wrong with `counted`, a sentence each. A count that fell is not.
pub fn complaints(recorded: &Counts, counted: &Counts) -> Vec<String> {
    let mut complaints = Vec::new();
    for (name, now) in counted {
        let Some(before) = recorded.get(name) else {
            complaints.push(format!("{name}: {now} instructions, and none are recorded"));
            continue;
        };
        let rise = percent_above(*before, *now);
        if *now == 0 {
            complaints.push(format!("{name}: no instructions, so the counting went wrong"));
        } else if rise > TOLERANCE {
            complaints.push(format!("{name}: {now} instructions, {rise:.1} % more than the {before} recorded"));
        }
    }
    let gone = recorded.keys().filter(|name| !counted.contains_key(*name));
    complaints.extend(gone.map(|name| format!("{name}: recorded, and not counted any more")));
    complaints
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn percent_above(before: u64, now: u64) -> f64 {
    (now as f64 - before as f64) / before as f64 * 100.0
}
