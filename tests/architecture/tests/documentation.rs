//! Code that documentation shows is code that is compiled.

#![expect(clippy::unwrap_used, reason = "what fails here fails a test")]

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Files below a folder whose names end so.
fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.to_string_lossy().ends_with(ending) {
                found.push(path);
            }
        }
    }
    found
}

/// The blocks of Rust in a text.
fn rust_blocks(text: &str) -> impl Iterator<Item = &str> {
    text.split("```rust\n").skip(1).map(|rest| rest.split("```").next().unwrap_or_default())
}

#[test]
fn every_block_of_rust_in_the_documentation_stands_in_an_example() {
    let shared = std::fs::read_dir(root().join("shared")).unwrap().map(|entry| entry.unwrap().path());
    let examples: Vec<String> = shared
        .map(|package| package.join("examples"))
        .filter(|folder| folder.is_dir())
        .flat_map(|folder| files(&folder, ".rs"))
        .map(|path| std::fs::read_to_string(path).unwrap())
        .collect();
    let mut documents = files(&root().join("docs"), ".md");
    documents.extend(["README.md", "ARCHITECTURE.md"].map(|name| root().join(name)));
    let mut blocks = 0;
    for document in documents {
        for block in rust_blocks(&std::fs::read_to_string(&document).unwrap()) {
            let stands = examples.iter().any(|example| example.contains(block));
            assert!(stands, "{}: no example of shared/ has this block:\n{block}", document.display());
            blocks += 1;
        }
    }
    assert!(blocks > 0, "the walk found no block");
}
