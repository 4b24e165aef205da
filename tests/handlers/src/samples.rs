//! The sample invocations under `events/`: found, read and named. What each must lead to is the tests'.
#![expect(clippy::expect_used, reason = "a sample that cannot be read is a broken test")]

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

/// Whose documents the samples are about.
pub const SAMPLE_TENANT: &str = "acme";

fn folder(function: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events").join(function)
}

/// One sample of a function.
///
/// # Panics
/// If it is not there or not of this shape.
pub fn sample<T: DeserializeOwned>(function: &str, case: &str) -> T {
    let path = folder(function).join(format!("{case}.json"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The names of all samples of a function.
///
/// # Panics
/// If its folder is not there.
pub fn sample_names(function: &str) -> Vec<String> {
    let entries = std::fs::read_dir(folder(function)).expect("the function has a folder of samples");
    let name = |entry: std::fs::DirEntry| {
        entry.file_name().to_string_lossy().strip_suffix(".json").map(str::to_owned)
    };
    let mut names: Vec<_> =
        entries.filter_map(|entry| name(entry.expect("the folder can be read"))).collect();
    names.sort_unstable();
    names
}
