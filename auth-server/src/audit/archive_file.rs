//! The file of archived rows: one [`Line`] for each, chain after chain, each chain in its order.

use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, BufWriter, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{Context, SHA256};

use super::line::Line;
use crate::store::{ChainHead, LedgerRow};

/// A file that is being written. One that is not [finished](Self::finish) is removed again: nobody may take half an archive for
/// a whole one.
pub(super) struct NewFile {
    path: PathBuf,
    out: BufWriter<File>,
    hash: Context,
    finished: bool,
}

impl NewFile {
    /// Makes the file, for its owner alone. What is there already is never written over.
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        Ok(Self { path: path.to_owned(), out: BufWriter::new(file), hash: Context::new(&SHA256), finished: false })
    }

    /// `before`: the row before, if this is the first of its chain here.
    pub(super) fn write(&mut self, row: LedgerRow, before: Option<&ChainHead>) -> io::Result<()> {
        let mut line = serde_json::to_vec(&Line::of(row, before))?;
        line.push(b'\n');
        self.hash.update(&line);
        self.out.write_all(&line)
    }

    /// Lets the file, and its name in its directory, survive a power loss. Returns its SHA-256.
    pub(super) fn finish(mut self) -> io::Result<String> {
        self.out.flush()?;
        self.out.get_ref().sync_all()?;
        let directory = self.path.parent().filter(|directory| !directory.as_os_str().is_empty());
        File::open(directory.unwrap_or(Path::new(".")))?.sync_all()?;
        self.finished = true;
        Ok(hex(self.hash.clone()))
    }
}

/// As `sha256sum` writes it.
fn hex(hash: Context) -> String {
    hash.finish().as_ref().iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if !self.finished {
            // If it stays after all, it is not on record, and verifying says so.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// A line of a file that exists.
pub(super) struct ReadLine {
    /// From 1.
    pub number: usize,
    pub row: LedgerRow,
    /// The row before, where the line tells its hash.
    pub before: Option<ChainHead>,
}

/// Why a file cannot be read to its end.
#[derive(Debug)]
pub(super) enum Unreadable {
    File(io::Error),
    Line { number: usize, why: String },
}

/// The lines of a file, one after the other: it may be larger than the memory.
pub(super) struct Lines {
    file: BufReader<File>,
    number: usize,
    hash: Context,
}

impl Lines {
    pub(super) fn of(path: &Path) -> Result<Self, Unreadable> {
        let file = File::open(path).map_err(Unreadable::File)?;
        Ok(Self { file: BufReader::new(file), number: 0, hash: Context::new(&SHA256) })
    }

    pub(super) fn next(&mut self) -> Result<Option<ReadLine>, Unreadable> {
        let mut line = Vec::new();
        if self.file.read_until(b'\n', &mut line).map_err(Unreadable::File)? == 0 {
            return Ok(None);
        }
        self.number += 1;
        self.hash.update(&line);
        let number = self.number;
        let parsed: Line =
            serde_json::from_slice(&line).map_err(|error| Unreadable::Line { number, why: error.to_string() })?;
        let read = parsed.read().map_err(|error| Unreadable::Line { number, why: error.to_string() });
        read.map(|(row, before)| Some(ReadLine { number, row, before }))
    }

    /// The SHA-256 of what was read.
    pub(super) fn sha256(self) -> String {
        hex(self.hash)
    }
}
