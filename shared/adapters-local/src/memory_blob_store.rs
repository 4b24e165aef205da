//! `MemoryBlobStore`: blobs in memory, for tests and the simulation. Does everything in the first poll of its futures,
//! in an order that depends on nothing but the calls.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::ops::{Bound, Range};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt, stream};
use millrace_domain::{ByteSize, ContentHash, DocumentKey, TenantId, Timestamp, UploadId};
use millrace_ports::{
    BlobKey, BlobPrefix, BlobStore, BlobUsage, ByteStream, Clock, ErrorKind, PortError, StoredBlob,
};
use sha2::{Digest, Sha256};

/// Bytes of each piece of a stream.
const BLOCK_BYTES: usize = 64 << 10;

/// A blob store that forgets everything when it is dropped. Clones share it.
#[derive(Clone)]
pub struct MemoryBlobStore {
    state: Arc<Mutex<State>>,
    clock: Arc<dyn Clock>,
}

#[derive(Default)]
struct State {
    /// Content and time of writing, by key.
    blobs: BTreeMap<String, (Bytes, Timestamp)>,
    /// Where the last search for old sources ended.
    visited: HashMap<Option<TenantId>, String>,
}

impl fmt::Debug for MemoryBlobStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MemoryBlobStore({} blobs)", self.lock().blobs.len())
    }
}

impl MemoryBlobStore {
    /// An empty store.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { state: Arc::default(), clock }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn store(&self, key: &BlobKey, content: Bytes) {
        self.lock().blobs.insert(key.as_str().to_owned(), (content, self.clock.now()));
    }

    fn find(&self, key: &BlobKey) -> Result<Bytes, PortError> {
        let found = self.lock().blobs.get(key.as_str()).map(|(content, _)| content.clone());
        found.ok_or_else(|| PortError::new(ErrorKind::NotFound, format!("get blob {}", key.as_str())))
    }
}

#[async_trait]
impl BlobStore for MemoryBlobStore {
    async fn put(&self, key: &BlobKey, content: Bytes) -> Result<(), PortError> {
        self.store(key, content);
        Ok(())
    }

    async fn put_stream(
        &self,
        key: &BlobKey,
        mut stream: ByteStream,
        limit: ByteSize,
    ) -> Result<StoredBlob, PortError> {
        let attempted = || format!("put blob {}", key.as_str());
        let mut content = Vec::new();
        while let Some(piece) = stream.next().await {
            let piece =
                piece.map_err(|error| PortError::caused(ErrorKind::Unavailable, attempted(), error))?;
            content.extend_from_slice(&piece);
            if content.len() as u64 > limit.get() {
                return Err(PortError::new(
                    ErrorKind::Invalid,
                    format!("{}: over {limit} bytes", attempted()),
                ));
            }
        }
        let sha256 = ContentHash::from_digest(Sha256::digest(&content).into());
        let size = ByteSize::new(content.len() as u64);
        self.store(key, content.into());
        Ok(StoredBlob { size, sha256 })
    }

    async fn get(&self, key: &BlobKey) -> Result<Bytes, PortError> {
        self.find(key)
    }

    async fn open(
        &self,
        key: &BlobKey,
        range: Option<Range<u64>>,
    ) -> Result<(ByteSize, ByteStream), PortError> {
        let content = self.find(key)?;
        let size = content.len();
        let within = |at: u64| usize::try_from(at).unwrap_or(size).min(size);
        let start = range.as_ref().map_or(0, |range| within(range.start));
        let end = range.map_or(size, |range| within(range.end)).max(start);
        let blocks: Vec<_> = (start..end)
            .step_by(BLOCK_BYTES)
            .map(|at| Ok(content.slice(at..end.min(at + BLOCK_BYTES))))
            .collect();
        Ok((ByteSize::new(size as u64), stream::iter(blocks).boxed()))
    }

    async fn delete(&self, key: &BlobKey) -> Result<BlobUsage, PortError> {
        let removed = self.lock().blobs.remove(key.as_str());
        Ok(usage_of(removed.as_ref().into_iter()))
    }

    async fn delete_prefix(&self, prefix: &BlobPrefix) -> Result<BlobUsage, PortError> {
        let mut state = self.lock();
        let removed: Vec<_> = under(&state.blobs, prefix).map(|(key, _)| key.clone()).collect();
        let removed: Vec<_> = removed.iter().filter_map(|key| state.blobs.remove(key)).collect();
        Ok(usage_of(removed.iter()))
    }

    async fn usage(&self, prefix: &BlobPrefix) -> Result<BlobUsage, PortError> {
        Ok(usage_of(under(&self.lock().blobs, prefix).map(|(_, blob)| blob)))
    }

    async fn old_sources(
        &self,
        tenant: Option<&TenantId>,
        age_ms: u64,
        limit: usize,
    ) -> Result<Vec<(DocumentKey, UploadId)>, PortError> {
        let age = i64::try_from(age_ms).unwrap_or(i64::MAX);
        let before = self.clock.now().plus_millis(age.saturating_neg());
        let mut state = self.lock();
        let last = state.visited.get(&tenant.cloned()).cloned().unwrap_or_default();
        // Goes round, so that old contents that are in use do not hide the orphans behind them.
        let behind = state.blobs.range::<str, _>((Bound::Excluded(last.as_str()), Bound::Unbounded));
        let ahead = state.blobs.range::<str, _>((Bound::Unbounded, Bound::Included(last.as_str())));
        let old = behind.chain(ahead).filter(|(_, (_, written))| *written < before);
        let mine = |key: &DocumentKey| tenant.is_none_or(|tenant| *tenant == key.tenant_id);
        let found: Vec<_> = old
            .filter_map(|(key, _)| Some((key, BlobKey::upload_of(key)?)))
            .filter(|(_, source)| mine(&source.0))
            .take(limit)
            .map(|(key, source)| (key.clone(), source))
            .collect();
        if let Some((key, _)) = found.last() {
            state.visited.insert(tenant.cloned(), key.clone());
        }
        Ok(found.into_iter().map(|(_, source)| source).collect())
    }
}

fn under<'a>(
    blobs: &'a BTreeMap<String, (Bytes, Timestamp)>,
    prefix: &BlobPrefix,
) -> impl Iterator<Item = (&'a String, &'a (Bytes, Timestamp))> {
    let prefix = prefix.as_str().to_owned();
    blobs.range(prefix.clone()..).take_while(move |(key, _)| key.starts_with(&prefix))
}

fn usage_of<'a>(blobs: impl Iterator<Item = &'a (Bytes, Timestamp)>) -> BlobUsage {
    blobs.fold(BlobUsage::default(), |sum, (content, _)| BlobUsage {
        blobs: sum.blobs + 1,
        bytes: sum.bytes + content.len() as u64,
    })
}
