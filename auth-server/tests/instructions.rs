//! When counted instructions count as too many: what `./test --long` fails on.

#![expect(clippy::unwrap_used, reason = "a test ends where it fails")]

#[path = "../benches/instructions/record.rs"]
mod record;

use record::{Conditions, Counts, Record, complaints};

fn counts(pairs: &[(&str, u64)]) -> Counts {
    pairs.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
}

fn against_a_thousand(now: u64) -> Vec<String> {
    complaints(&counts(&[("decision", 1000)]), &counts(&[("decision", now)]))
}

#[test]
fn a_rise_beyond_five_percent_is_told_with_both_counts() {
    assert_eq!(against_a_thousand(1051), ["decision: 1051 instructions, 5.1 % more than the 1000 recorded"]);
}

#[test]
fn five_percent_and_less_pass() {
    for now in [1050, 1000, 10] {
        assert!(against_a_thousand(now).is_empty(), "{now}");
    }
}

#[test]
fn what_is_on_one_side_only_never_passes() {
    let (some, more) = (counts(&[("a", 1)]), counts(&[("a", 1), ("b", 1)]));
    assert_eq!(complaints(&some, &more), ["b: 1 instructions, and none are recorded"]);
    assert_eq!(complaints(&more, &some), ["b: recorded, and not counted any more"]);
    assert!(!against_a_thousand(0).is_empty(), "nothing was counted");
}

#[test]
fn a_record_reads_as_it_was_written() {
    let record = Record { conditions: Conditions::here(), instructions: counts(&[("decision, first hop", 1000)]) };
    assert_eq!(Record::read(&record.written()), record);
}
