//! Counting by callgrind, inside of `pieces::counted` alone. Starting and preparing are left out: seeding the random source
//! takes thousands of times what a call takes, and never the same.

use std::path::Path;
use std::process::Command;

use crate::pieces::{Part, Piece};

/// The instructions of one call, and of the signature in it.
pub fn count(piece: &Piece) -> (u64, u64) {
    let input = (piece.input)();
    let signature = if piece.is_signed { of_one_call(piece, Part::Signature, &input) } else { 0 };
    (of_one_call(piece, Part::Whole, &input), signature)
}

/// The profile stays for `callgrind_annotate`, below `target/tmp`.
fn of_one_call(piece: &Piece, part: Part, input: &str) -> u64 {
    let file = format!("callgrind-{}-{}.out", piece.name.replace([' ', ','], "-"), part.name());
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(file);
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--quiet", "--toggle-collect=*pieces::counted*"])
        .arg(format!("--callgrind-out-file={}", file.display()))
        .arg(std::env::current_exe().unwrap())
        .args(["run", piece.name, part.name(), &piece.times.to_string(), input])
        .output()
        .unwrap_or_else(|error| panic!("valgrind cannot be started ({error}): install the package valgrind"));
    assert!(output.status.success(), "{}: {}", piece.name, String::from_utf8_lossy(&output.stderr));
    let profile = std::fs::read_to_string(&file).unwrap();
    let total = profile.lines().find_map(|line| line.strip_prefix("summary: ")).unwrap();
    total.trim().parse::<u64>().unwrap() / piece.times
}
