//! Request bodies: none, a small JSON text, or a file that is streamed and never held in memory whole.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use futures::TryStreamExt as _;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Empty, Full, StreamBody};
use hyper::body::Frame;
use tokio::io::AsyncReadExt as _;
use tokio_util::io::ReaderStream;

use super::ClientError;

/// Read and sent at a time.
const BLOCK_BYTES: usize = 64 * 1024;

/// What the HTTP client sends.
pub(crate) type Body = UnsyncBoxBody<Bytes, io::Error>;

/// Called with how many bytes of a body have been handed to the connection.
pub(crate) type Progress = Arc<dyn Fn(u64) + Send + Sync>;

/// The content of a request, from which a body is made for each attempt.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    None,
    Json(Bytes),
    File(FileContent),
}

/// A file to be sent as it is, `length_bytes` of it.
#[derive(Clone)]
pub(crate) struct FileContent {
    pub(crate) path: PathBuf,
    pub(crate) length_bytes: u64,
    pub(crate) progress: Progress,
}

impl fmt::Debug for FileContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileContent")
            .field("path", &self.path)
            .field("length_bytes", &self.length_bytes)
            .finish()
    }
}

impl Content {
    /// The `Content-Length` to declare; none for a request that has no body.
    pub(crate) fn length_bytes(&self) -> Option<u64> {
        match self {
            Self::None => None,
            Self::Json(text) => Some(text.len() as u64),
            Self::File(file) => Some(file.length_bytes),
        }
    }

    /// A fresh body. `sent` counts what the connection has taken of it.
    pub(crate) async fn body(&self, sent: &Arc<AtomicU64>) -> Result<Body, ClientError> {
        sent.store(0, Ordering::Relaxed);
        match self {
            Self::None => Ok(Empty::new().map_err(|never| match never {}).boxed_unsync()),
            Self::Json(text) => Ok(Full::new(text.clone()).map_err(|never| match never {}).boxed_unsync()),
            Self::File(file) => file.body(Arc::clone(sent)).await,
        }
    }
}

impl FileContent {
    async fn body(&self, sent: Arc<AtomicU64>) -> Result<Body, ClientError> {
        let failed = |source| ClientError::File { path: self.path.clone(), source };
        let file = tokio::fs::File::open(&self.path).await.map_err(failed)?;
        let progress = Arc::clone(&self.progress);
        // Not beyond the declared length, even if the file has grown; one that has shrunk breaks the request off.
        let blocks = ReaderStream::with_capacity(file.take(self.length_bytes), BLOCK_BYTES);
        let frames = blocks.map_ok(move |block| {
            let length = block.len() as u64;
            progress(sent.fetch_add(length, Ordering::Relaxed) + length);
            Frame::data(block)
        });
        Ok(StreamBody::new(frames).boxed_unsync())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::sync::Mutex;

    use super::*;

    #[tokio::test]
    async fn a_file_is_streamed_in_blocks_up_to_its_declared_length() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&vec![7; 3 * BLOCK_BYTES]).unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let record = Arc::clone(&seen);
        let content = Content::File(FileContent {
            path: file.path().to_owned(),
            length_bytes: 2 * BLOCK_BYTES as u64 + 5,
            progress: Arc::new(move |bytes| record.lock().unwrap().push(bytes)),
        });
        let sent = Arc::new(AtomicU64::new(99));
        let body = content.body(&sent).await.unwrap().collect().await.unwrap().to_bytes();
        assert_eq!(body.len(), 2 * BLOCK_BYTES + 5);
        assert_eq!(sent.load(Ordering::Relaxed), body.len() as u64);
        let seen = seen.lock().unwrap();
        assert!(seen.len() >= 3, "one call for each block: {seen:?}");
        assert!(seen.is_sorted());
    }
}
