//! What a file is at one moment: its SHA-256, and its length and time by which a later change is noticed.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use std::time::SystemTime;

use sha2::{Digest as _, Sha256};

use crate::client::ClientError;

const BLOCK_BYTES: usize = 256 * 1024;

/// A file's content, recognisably.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fingerprint {
    pub(super) sha256: String,
    pub(super) length_bytes: u64,
    modified: Option<SystemTime>,
}

impl Fingerprint {
    /// Reads the file once, in blocks.
    pub(super) async fn of(path: &Path) -> Result<Self, ClientError> {
        let owned = path.to_owned();
        let read = tokio::task::spawn_blocking(move || Self::read(&owned)).await;
        read.map_err(io::Error::other)
            .and_then(|outcome| outcome)
            .map_err(|source| ClientError::File { path: path.to_owned(), source })
    }

    fn read(path: &Path) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let modified = file.metadata()?.modified().ok();
        let (mut hash, mut length_bytes) = (Sha256::new(), 0);
        let mut block = vec![0; BLOCK_BYTES];
        loop {
            let read = file.read(&mut block)?;
            if read == 0 {
                break;
            }
            hash.update(&block[..read]);
            length_bytes += read as u64;
        }
        Ok(Self { sha256: hex::encode(hash.finalize()), length_bytes, modified })
    }

    /// Fails if the file is no longer what was read: what was sent then does not fit its key.
    pub(super) fn check_unchanged(&self, path: &Path) -> Result<(), ClientError> {
        let unchanged = std::fs::metadata(path)
            .is_ok_and(|now| now.len() == self.length_bytes && now.modified().ok() == self.modified);
        if unchanged { Ok(()) } else { Err(ClientError::Changed { path: path.to_owned() }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_that_grows_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, "abc").unwrap();
        let fingerprint = Fingerprint::of(&path).await.unwrap();
        assert_eq!(fingerprint.sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert!(fingerprint.check_unchanged(&path).is_ok());
        std::fs::write(&path, "abcd").unwrap();
        assert!(matches!(fingerprint.check_unchanged(&path), Err(ClientError::Changed { .. })));
    }
}
