//! Makes the small malformed files of the corpus: `cargo run -p resource-bounds -- --write-corpus corpus`. They are
//! committed, so that what the parsers make of them does not change with a generator; files found by fuzzing lie beside
//! them and are not made here. How each must end stands in `corpus/outcomes.tsv`.

mod packages;
mod plain;

use packages::{books, documents, open_documents, presentations, workbooks};
use plain::{json, mails, markdown, pages, pdfs, rich_texts, tables, texts, xml};

/// One file: its format's folder, its name, its content.
#[derive(Debug)]
pub struct SmallFile {
    /// The target that takes it.
    pub folder: &'static str,
    /// Its name.
    pub name: String,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// All of them.
#[must_use]
pub fn small_files() -> Vec<SmallFile> {
    let mut files = Vec::new();
    let mut add = |folder: &'static str, all: Vec<(&str, Vec<u8>)>| {
        files.extend(all.into_iter().map(|(name, bytes)| SmallFile { folder, name: name.to_owned(), bytes }));
    };
    add("docx", documents());
    add("pptx", presentations());
    add("xlsx", workbooks());
    add("odt", open_documents());
    add("epub", books());
    add("pdf", pdfs());
    add("text", texts());
    add("csv", tables());
    add("json", json());
    add("html", pages());
    add("xml", xml());
    add("markdown", markdown());
    add("eml", mails());
    add("rtf", rich_texts());
    files
}
