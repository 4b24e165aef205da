//! The committed corpus: one folder per target under `corpus/`, each file an input that once was worth keeping. Seeds
//! for mutation, and regression tests as they are.

use std::path::{Path, PathBuf};

/// One file of the corpus.
#[derive(Debug, Clone)]
pub struct CorpusFile {
    /// Its file name.
    pub name: String,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// Where the corpus lies.
#[must_use]
pub fn corpus_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

/// The files of one target, in the order of their names; none if it has no folder.
///
/// # Errors
/// If the folder cannot be read.
pub fn corpus_files(target: &str) -> std::io::Result<Vec<CorpusFile>> {
    let folder = corpus_folder().join(target);
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        files.push(CorpusFile { name, bytes: std::fs::read(&path)? });
    }
    files.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(files)
}
