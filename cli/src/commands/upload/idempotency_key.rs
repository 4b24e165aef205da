//! The key under which a file is uploaded: the same file to the same collection has the same key in every run, so that
//! the server knows it again and no state has to be kept here. The folder is no part of it: moved files are the same.

use sha2::{Digest as _, Sha256};

/// Changes if the derivation ever does, so that an old key never means something else.
const SCHEME: &str = "millrace-cli-1";

/// What makes two uploads the same.
#[derive(Debug, Clone, Copy)]
pub(super) enum Purpose<'a> {
    /// A new document in a collection.
    New {
        collection: &'a str,
        /// The document that the same upload made before, and that was deleted since: this is a new one.
        after_deleted: Option<&'a str>,
    },
    /// New content for one version of a document.
    Replace { document_id: &'a str, etag: &'a str },
}

/// The key: visible ASCII of a fixed length, however long the names are.
pub(super) fn idempotency_key(purpose: Purpose<'_>, filename: &str, sha256: &str) -> String {
    let mut hash = Sha256::new();
    let mut part = |text: &str| {
        // The length first, so that no two lists of parts read the same.
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text.as_bytes());
    };
    match purpose {
        Purpose::New { collection, after_deleted } => {
            part("new");
            part(collection);
            part(after_deleted.unwrap_or_default());
        }
        Purpose::Replace { document_id, etag } => {
            part("replace");
            part(document_id);
            part(etag);
        }
    }
    part(filename);
    part(sha256);
    format!("{SCHEME}-{}", hex::encode(hash.finalize()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(collection: &str, filename: &str, sha256: &str) -> String {
        idempotency_key(Purpose::New { collection, after_deleted: None }, filename, sha256)
    }

    #[test]
    fn the_key_of_a_file_never_changes() {
        // Pinned: another value would upload everything a second time.
        assert_eq!(
            key("default", "a.pdf", "00"),
            "millrace-cli-1-84fc91d00baf8f816538fdf5905e8d2868ebaf9dfb428fad69c9a540d2d9ad89"
        );
    }

    #[test]
    fn each_part_counts_and_none_runs_into_the_next() {
        let keys = [
            key("default", "a.pdf", "00"),
            key("other", "a.pdf", "00"),
            key("default", "b.pdf", "00"),
            key("default", "a.pdf", "01"),
            key("defaulta", ".pdf", "00"),
            idempotency_key(
                Purpose::New { collection: "default", after_deleted: Some("d-1") },
                "a.pdf",
                "00",
            ),
            idempotency_key(Purpose::Replace { document_id: "default", etag: "" }, "a.pdf", "00"),
            idempotency_key(Purpose::Replace { document_id: "default", etag: "2" }, "a.pdf", "00"),
        ];
        let different: std::collections::HashSet<_> = keys.iter().collect();
        assert_eq!(different.len(), keys.len());
    }

    #[test]
    fn the_key_fits_a_header_whatever_the_name() {
        let key = key("default", &"ü".repeat(5_000), "00");
        assert!(key.len() <= 255 && key.bytes().all(|byte| byte.is_ascii_graphic()));
    }
}
