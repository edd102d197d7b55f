//! Groups of files in which each reaches every other through imports.

use std::collections::{BTreeMap, BTreeSet};

use crate::source::{House, Source};

/// Each circle once, its files in the order of their names.
pub fn among(house: &House) -> BTreeSet<Vec<&str>> {
    let reach: BTreeMap<&str, BTreeSet<&str>> =
        house.sources().map(|source| (source.file.as_str(), reachable(house, source))).collect();
    let in_a_circle = reach.iter().filter(|(file, reached)| reached.contains(*file));
    in_a_circle
        .map(|(file, reached)| reached.iter().copied().filter(|other| reach[other].contains(file)).collect())
        .collect()
}

fn reachable<'h>(house: &'h House, start: &'h Source) -> BTreeSet<&'h str> {
    let mut reached = BTreeSet::new();
    let mut open = vec![start];
    while let Some(source) = open.pop() {
        for target in house.imports(source) {
            if reached.insert(target.file.as_str()) {
                open.push(target);
            }
        }
    }
    reached
}
