//! What commands say on standard output: lists and texts.

use std::io::{self, Write as _};

/// Prints a list, line by line. Whoever reads it may have read enough before its end (`| head`).
pub(super) fn print(lines: impl IntoIterator<Item = String>) -> io::Result<()> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    let printed = lines.into_iter().try_for_each(|line| writeln!(out, "{line}")).and_then(|()| out.flush());
    // What could not be printed is not tried again when this goes.
    drop(out.into_parts());
    match printed {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        printed => printed,
    }
}

/// Prints a text of one line or several in the same way.
pub(super) fn print_text(text: &str) -> io::Result<()> {
    print(text.lines().map(str::to_owned))
}
