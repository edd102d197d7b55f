//! Circles between files: groups in which each file reaches every other through imports.

use std::collections::{BTreeMap, BTreeSet};

use crate::source::{House, Source};

/// Each circle once, its files in the order of their names.
pub fn among(house: &House) -> Vec<Vec<&Source>> {
    let reach: BTreeMap<&str, BTreeSet<&str>> =
        house.sources().map(|source| (source.file.as_str(), reachable(house, source))).collect();
    let mut found = BTreeSet::new();
    for (file, reached) in &reach {
        if reached.contains(file) {
            let circle: Vec<&str> = reached.iter().copied().filter(|other| reach[other].contains(file)).collect();
            found.insert(circle);
        }
    }
    let source = |file: &str| house.sources().find(|source| source.file == file);
    found.into_iter().map(|circle| circle.into_iter().filter_map(source).collect()).collect()
}

fn reachable<'h>(house: &'h House, start: &'h Source) -> BTreeSet<&'h str> {
    let mut reached = BTreeSet::new();
    let mut open = vec![start];
    while let Some(source) = open.pop() {
        for (_, target) in house.imports(source) {
            if target.file != source.file && reached.insert(target.file.as_str()) {
                open.push(target);
            }
        }
    }
    reached
}
