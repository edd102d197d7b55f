//! Whether files of archived rows are what was written: each is followed by itself, must fit the place where its chains go on,
//! and must be on record.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::archive_file::{Lines, ReadLine, Unreadable};
use super::archived::OnRecord;
use super::chain::{Breach, Follower};
use super::witnesses::Witnesses;
use crate::store::ChainHead;

/// What is wrong with a file, and where in it.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveBreach {
    #[error("{file} cannot be read: {error}")]
    File { file: String, error: std::io::Error },
    #[error("{file}, line {line}: not a row of the ledger: {why}")]
    NoRow { file: String, line: usize, why: String },
    #[error("{file}, line {line}: {breach}")]
    Row { file: String, line: usize, breach: Breach },
    #[error("{file}: chain {chain}: the rows from {seq} on are missing, and no other file has them")]
    EndsEarly { file: String, chain: String, seq: i64 },
    #[error("{file} is not what was written: no row of the ledger has its SHA-256, {sha256}")]
    NotOnRecord { file: String, sha256: String },
}

/// The rows of one chain in one file.
struct Stretch {
    first: i64,
    last: i64,
}

/// A file that holds together by itself.
struct Followed {
    path: PathBuf,
    sha256: String,
    stretches: BTreeMap<String, Stretch>,
    rows: usize,
}

/// Checks the files, and adds what they saw to what is known of rows elsewhere. `beginnings`: by chain, the last row that is
/// not in the database any more. Returns how many rows the files have.
pub(super) fn verify_files(
    paths: &[PathBuf],
    beginnings: &BTreeMap<String, ChainHead>,
    on_record: &OnRecord,
    witnesses: &mut Witnesses,
) -> Result<usize, ArchiveBreach> {
    let files = paths.iter().map(|path| follow(path, witnesses)).collect::<Result<Vec<_>, _>>()?;
    for file in &files {
        ends_where_others_begin(file, &files, beginnings)?;
        if !on_record.has_file(&file.sha256) {
            let (file, sha256) = (named(&file.path), file.sha256.clone());
            return Err(ArchiveBreach::NotOnRecord { file, sha256 });
        }
    }
    for beginning in beginnings.values() {
        witnesses.add(beginning, "the database");
    }
    for file in &files {
        for_each(&file.path, |line| witnesses.confirm(&line.row.chain, line.row.seq, &line.row.hash))?;
    }
    Ok(files.iter().map(|file| file.rows).sum())
}

/// Follows every chain of a file.
fn follow(path: &Path, witnesses: &mut Witnesses) -> Result<Followed, ArchiveBreach> {
    let name = named(path);
    let (mut stretches, mut rows) = (BTreeMap::<String, Stretch>::new(), 0);
    let mut current: Option<Follower> = None;
    let sha256 = for_each(path, |ReadLine { row, before, .. }| {
        let of_chain = current.take().filter(|follower| follower.head().is_some_and(|head| head.chain == row.chain));
        let mut follower = match (of_chain, before) {
            (Some(follower), _) => follower,
            // A chain is in one piece: rows of another one in between are not in their place.
            (None, _) if stretches.contains_key(&row.chain) => {
                return Err(Breach::Altered { chain: row.chain.clone(), seq: row.seq });
            }
            (None, Some(before)) => {
                witnesses.add(before, &name);
                Follower::behind(before.clone())
            }
            (None, None) => Follower::of(&row.chain),
        };
        follower.follow(row)?;
        witnesses.add_anchor(row);
        let stretch = stretches.entry(row.chain.clone()).or_insert(Stretch { first: row.seq, last: row.seq });
        stretch.last = row.seq;
        rows += 1;
        current = Some(follower);
        Ok(())
    })?;
    Ok(Followed { path: path.to_owned(), sha256, stretches, rows })
}

/// Each chain of a file goes on in the database or in another file.
fn ends_where_others_begin(
    file: &Followed,
    files: &[Followed],
    beginnings: &BTreeMap<String, ChainHead>,
) -> Result<(), ArchiveBreach> {
    for (chain, Stretch { last, .. }) in &file.stretches {
        let in_database = beginnings.get(chain).is_none_or(|beginning| beginning.seq <= *last);
        let goes_on = |other: &Stretch| other.first <= last.saturating_add(1) && other.last > *last;
        if !in_database && !files.iter().filter_map(|file| file.stretches.get(chain)).any(goes_on) {
            let (file, chain) = (named(&file.path), chain.clone());
            return Err(ArchiveBreach::EndsEarly { file, chain, seq: last.saturating_add(1) });
        }
    }
    Ok(())
}

/// Returns the file's SHA-256.
fn for_each(path: &Path, mut check: impl FnMut(&ReadLine) -> Result<(), Breach>) -> Result<String, ArchiveBreach> {
    let unreadable = |unreadable| match unreadable {
        Unreadable::File(error) => ArchiveBreach::File { file: named(path), error },
        Unreadable::Line { number: line, why } => ArchiveBreach::NoRow { file: named(path), line, why },
    };
    let mut lines = Lines::of(path).map_err(unreadable)?;
    while let Some(line) = lines.next().map_err(unreadable)? {
        check(&line).map_err(|breach| ArchiveBreach::Row { file: named(path), line: line.number, breach })?;
    }
    Ok(lines.sha256())
}

fn named(path: &Path) -> String {
    path.display().to_string()
}
