//! `FsBlobStore`: blobs as files. A content is written under a temporary name, synced, moved to its own name, and the
//! folder synced, before it counts as stored. Files are touched by threads of their own, never by the async runtime's.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use millrace_domain::{ByteSize, ContentHash, DocumentKey, TenantId, UploadId};
use millrace_ports::{
    BlobKey, BlobPrefix, BlobStore, BlobUsage, ByteStream, Clock, ErrorKind, PortError, StoredBlob,
};
use sha2::{Digest, Sha256};

use crate::WorkerPool;
use crate::blob_files::{BlobFiles, Incoming};

/// Bytes that go to or from a file at a time; what a stream holds in memory.
const BLOCK_BYTES: usize = 256 << 10;

/// A blob store on the file system.
#[derive(Debug, Clone)]
pub struct FsBlobStore {
    files: Arc<BlobFiles>,
    clock: Arc<dyn Clock>,
    pool: WorkerPool,
}

impl FsBlobStore {
    /// Opens or creates the store in a folder of its own. The threads of `pool` do the work.
    pub async fn open(root: PathBuf, clock: Arc<dyn Clock>, pool: WorkerPool) -> Result<Self, PortError> {
        let attempted = format!("open blob store {}", root.display());
        let named = attempted.clone();
        let open = move || BlobFiles::open(&root).map_err(|error| port_error(error, &named));
        let files = Arc::new(pool.run(&attempted, open).await?);
        Ok(Self { files, clock, pool })
    }

    /// The files behind it, for a store that keeps some blobs elsewhere.
    pub(crate) fn files(&self) -> &Arc<BlobFiles> {
        &self.files
    }

    /// The clock by which blobs are dated.
    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// Works on the files, on a thread of the pool.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        attempted: String,
        work: impl FnOnce(&BlobFiles) -> io::Result<T> + Send + 'static,
    ) -> Result<T, PortError> {
        let (files, named) = (Arc::clone(&self.files), attempted.clone());
        let work = move || work(&files).map_err(|error| port_error(error, &named));
        self.pool.run(&attempted, work).await
    }
}

#[async_trait]
impl BlobStore for FsBlobStore {
    async fn put(&self, key: &BlobKey, content: Bytes) -> Result<(), PortError> {
        let (key, now) = (key.clone(), self.clock.now());
        let store = move |files: &BlobFiles| {
            let mut file = files.begin()?;
            file.append(&content)?;
            file.sync(now)?;
            files.publish(vec![(key, file)])
        };
        self.run("put a blob".into(), store).await
    }

    async fn put_many(&self, blobs: Vec<(BlobKey, Bytes)>) -> Result<(), PortError> {
        let now = self.clock.now();
        // Written and synced by several threads at once, which the file system commits together.
        let written = blobs.into_iter().map(|(key, content)| {
            self.run(format!("put blob {}", key.as_str()), move |files| {
                let mut file = files.begin()?;
                file.append(&content)?;
                file.sync(now)?;
                Ok((key, file))
            })
        });
        let written = futures::future::try_join_all(written).await?;
        self.run("put several blobs".into(), move |files| files.publish(written)).await
    }

    async fn put_stream(
        &self,
        key: &BlobKey,
        mut content: ByteStream,
        limit: ByteSize,
    ) -> Result<StoredBlob, PortError> {
        let attempted = format!("put blob {}", key.as_str());
        let mut arriving = Arriving::default();
        let mut block = Vec::new();
        let mut block_bytes = 0;
        loop {
            let piece = content
                .next()
                .await
                .transpose()
                .map_err(|error| PortError::caused(ErrorKind::Unavailable, attempted.clone(), error))?;
            let ended = piece.is_none();
            block_bytes += piece.as_ref().map_or(0, Bytes::len);
            block.extend(piece);
            let size = arriving.size + block_bytes as u64;
            if size > limit.get() {
                return Err(PortError::new(ErrorKind::Invalid, format!("{attempted}: over {limit} bytes")));
            }
            if ended || block_bytes >= BLOCK_BYTES {
                let full = std::mem::take(&mut block);
                block_bytes = 0;
                arriving = self.run(attempted.clone(), move |files| arriving.take_in(files, &full)).await?;
            }
            if ended {
                let (key, now) = (key.clone(), self.clock.now());
                return self.run(attempted, move |files| arriving.store(files, key, now)).await;
            }
        }
    }

    async fn get(&self, key: &BlobKey) -> Result<Bytes, PortError> {
        let key = key.clone();
        let read = move |files: &BlobFiles| {
            let mut content = Vec::new();
            files.file(&key)?.read_to_end(&mut content)?;
            Ok(Bytes::from(content))
        };
        self.run("get a blob".into(), read).await
    }

    async fn open(
        &self,
        key: &BlobKey,
        range: Option<Range<u64>>,
    ) -> Result<(ByteSize, ByteStream), PortError> {
        let key = key.clone();
        let open = move |files: &BlobFiles| {
            let mut file = files.file(&key)?;
            let size = file.metadata()?.len();
            let range = range.unwrap_or(0..size);
            let start = range.start.min(size);
            file.seek(SeekFrom::Start(start))?;
            Ok((file, size, range.end.min(size).saturating_sub(start)))
        };
        let (file, size, length) = self.run("open a blob".into(), open).await?;
        Ok((ByteSize::new(size), read_blocks(self.pool.clone(), file, length)))
    }

    async fn delete(&self, key: &BlobKey) -> Result<BlobUsage, PortError> {
        let key = key.clone();
        self.run(format!("delete blob {}", key.as_str()), move |files| files.remove(&key)).await
    }

    async fn delete_prefix(&self, prefix: &BlobPrefix) -> Result<BlobUsage, PortError> {
        let prefix = prefix.clone();
        let attempted = format!("delete blobs {}", prefix.as_str());
        self.run(attempted, move |files| files.remove_prefix(&prefix)).await
    }

    async fn usage(&self, prefix: &BlobPrefix) -> Result<BlobUsage, PortError> {
        let prefix = prefix.clone();
        let attempted = format!("count blobs {}", prefix.as_str());
        self.run(attempted, move |files| files.usage(&prefix)).await
    }

    async fn old_sources(
        &self,
        tenant: Option<&TenantId>,
        age_ms: u64,
        limit: usize,
    ) -> Result<Vec<(DocumentKey, UploadId)>, PortError> {
        let age = i64::try_from(age_ms).unwrap_or(i64::MAX);
        let (tenant, before) = (tenant.cloned(), self.clock.now().plus_millis(age.saturating_neg()));
        let find = move |files: &BlobFiles| files.old_sources(tenant.as_ref(), before, limit);
        self.run("list old uploads".into(), find).await
    }
}

/// A content of which some has arrived.
#[derive(Default)]
struct Arriving {
    file: Option<Incoming>,
    hasher: Sha256,
    size: u64,
}

impl Arriving {
    fn take_in(mut self, files: &BlobFiles, pieces: &[Bytes]) -> io::Result<Self> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(files.begin()?),
        };
        for piece in pieces {
            file.append(piece)?;
            self.hasher.update(piece);
            self.size += piece.len() as u64;
        }
        Ok(self)
    }

    fn store(
        self,
        files: &BlobFiles,
        key: BlobKey,
        now: millrace_domain::Timestamp,
    ) -> io::Result<StoredBlob> {
        let file = self.file.map_or_else(|| files.begin(), Ok)?;
        file.sync(now)?;
        files.publish(vec![(key, file)])?;
        let sha256 = ContentHash::from_digest(self.hasher.finalize().into());
        Ok(StoredBlob { size: ByteSize::new(self.size), sha256 })
    }
}

/// Reads so many bytes from where a file stands, block by block, as they are asked for.
fn read_blocks(pool: WorkerPool, file: File, length: u64) -> BoxStream<'static, io::Result<Bytes>> {
    let next = |(pool, mut file, left): (WorkerPool, File, u64)| async move {
        if left == 0 {
            return Ok(None);
        }
        let read = move || {
            let mut block = vec![0; usize::try_from(left).unwrap_or(BLOCK_BYTES).min(BLOCK_BYTES)];
            file.read_exact(&mut block).map_err(|error| port_error(error, "read a blob"))?;
            Ok((Bytes::from(block), file))
        };
        let (block, file) = pool.run("read a blob", read).await.map_err(io::Error::other)?;
        let left = left - block.len() as u64;
        Ok(Some((block, (pool, file, left))))
    };
    stream::try_unfold((pool, file, length), next).boxed()
}

fn port_error(error: io::Error, attempted: &str) -> PortError {
    let kind = match error.kind() {
        io::ErrorKind::NotFound => ErrorKind::NotFound,
        _ => ErrorKind::Unavailable,
    };
    PortError::caused(kind, attempted, error)
}
