//! Every source file says what it is for, and no file is a drawer for leftovers.

#![expect(clippy::unwrap_used, reason = "what fails here fails a test")]

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn rust_files() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> =
        ["cli", "functions", "shared", "tests"].iter().map(|folder| root().join(folder)).collect();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && path.file_name().is_none_or(|name| name != "target") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    assert!(found.len() > 50, "the walk found only {} files", found.len());
    found
}

#[test]
fn every_file_opens_by_saying_what_it_is_for() {
    let silent = |path: &PathBuf| !std::fs::read_to_string(path).unwrap().starts_with("//!");
    let silent: Vec<_> = rust_files().into_iter().filter(silent).collect();
    assert!(silent.is_empty(), "files without an opening //!: {silent:#?}");
}

#[test]
fn no_file_is_a_drawer() {
    let drawer = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy();
        ["utils.rs", "util.rs", "helpers.rs", "common.rs", "misc.rs"].contains(&name.as_ref())
    };
    let drawers: Vec<_> = rust_files().into_iter().filter(drawer).collect();
    assert!(drawers.is_empty(), "give these files a name that says what is in them: {drawers:#?}");
}

#[test]
fn no_test_is_ignored() {
    let marker = concat!("#[", "ignore");
    let ignoring = |path: &PathBuf| std::fs::read_to_string(path).unwrap().contains(marker);
    let ignoring: Vec<_> = rust_files().into_iter().filter(ignoring).collect();
    assert!(ignoring.is_empty(), "ignored tests in {ignoring:#?}");
}

/// The production part of a file (before its tests) stays readable in one sitting. A port's suite is tests throughout,
/// one case after the other.
#[test]
fn no_file_outgrows_its_reader() {
    let long = |path: &PathBuf| {
        if path.to_string_lossy().ends_with("_suite.rs") {
            return None;
        }
        let text = std::fs::read_to_string(path).unwrap();
        let production = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
        let lines = production.lines().count();
        (lines > 500).then(|| (path.clone(), lines))
    };
    let long: Vec<_> = rust_files().iter().filter_map(long).collect();
    assert!(long.is_empty(), "split these: {long:#?}");
}
