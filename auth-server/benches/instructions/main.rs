//! Counts the instructions of one call of the validator, the decision and the making of tokens, by callgrind, and compares
//! them with what `recorded.toml` has: more than 5 % above it is a failure. Unlike times, counts do not depend on what else
//! the machine does.
//!
//! `cargo bench -p auth-server --bench instructions`; with `-- --record` the counts are written down instead.

#![expect(clippy::unwrap_used, reason = "a bench ends where it fails")]

mod callgrind;
#[path = "../hop/mod.rs"]
mod hop;
#[path = "../../../shared-claims/benches/issued/mod.rs"]
mod issued;
#[path = "../making/mod.rs"]
mod making;
mod pieces;
mod record;

use std::process::ExitCode;

use pieces::{Part, pieces};
use record::{Conditions, Counts, Record};

/// As shipped: the allocator is part of what is counted.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const RECORDED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/instructions/recorded.toml");

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["run", name, part, times, input] => run(name, part, times.parse().unwrap(), input),
        _ if arguments.contains(&"--record") => write(),
        _ => compare(),
    }
}

/// What callgrind watches.
fn run(name: &str, part: &str, times: u64, input: &str) -> ExitCode {
    let pieces = pieces();
    let piece = pieces.iter().find(|piece| piece.name == name).unwrap();
    (piece.run)(Part::named(part), times, input);
    ExitCode::SUCCESS
}

fn write() -> ExitCode {
    let record = Record { conditions: Conditions::here(), instructions: count() };
    std::fs::write(RECORDED, record.written()).unwrap();
    println!("written to {RECORDED}");
    ExitCode::SUCCESS
}

fn compare() -> ExitCode {
    let recorded = Record::read(&std::fs::read_to_string(RECORDED).unwrap());
    let here = Conditions::here();
    if recorded.conditions != here {
        println!("SKIPPED instructions: the counts were recorded with {}, and this is {here}", recorded.conditions);
        return ExitCode::SUCCESS;
    }
    let complaints = record::complaints(&recorded.instructions, &count());
    for complaint in &complaints {
        println!("error: {complaint}");
    }
    if complaints.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn count() -> Counts {
    println!("{:<28} {:>10} {:>10} {:>10}", "instructions of one", "whole", "signature", "own");
    pieces()
        .iter()
        .map(|piece| {
            let (whole, signature) = callgrind::count(piece);
            let own = whole.saturating_sub(signature);
            println!("{:<28} {whole:>10} {signature:>10} {own:>10}", piece.name);
            (piece.name.to_owned(), own)
        })
        .collect()
}
