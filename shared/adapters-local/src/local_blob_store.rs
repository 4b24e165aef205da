//! `LocalBlobStore`: small blobs as rows of the database, large ones as files. A file of its own costs two commits of
//! the file system's journal; a row costs none: it is in the same log as the history, so the append that makes it count
//! takes it to the disk.
//!
//! A key has a row or a file. Where a crash left both, the row counts: of a write that was acknowledged only its own
//! is left, and of one that was not either may be seen.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt, stream};
use millrace_domain::{ByteSize, ContentHash, DocumentKey, TenantId, Timestamp, UploadId};
use millrace_ports::{
    BlobKey, BlobPrefix, BlobStore, BlobUsage, ByteStream, ErrorKind, PortError, StoredBlob,
};
use rusqlite::Connection;
use sha2::{Digest, Sha256};

use crate::small_blob_rows as rows;
use crate::{Database, FsBlobStore};

/// Larger blobs are files.
pub const SMALL_BYTES_MAX: usize = 64 << 10;
/// Bytes after which a write ends, so that no acknowledgement waits long for it.
const SLICE_BYTES: usize = 256 << 10;
/// Blobs removed in one write, for the same reason.
const SLICE: usize = 64;

/// The blob store of a single node.
#[derive(Debug)]
pub struct LocalBlobStore {
    database: Database,
    files: FsBlobStore,
    /// Where the last search for old sources among the rows ended.
    visited: Mutex<HashMap<Option<TenantId>, String>>,
    /// Whether the next search for old sources begins with the files.
    files_first: AtomicBool,
}

impl LocalBlobStore {
    /// A store over both.
    pub fn new(database: Database, files: FsBlobStore) -> Self {
        Self { database, files, visited: Mutex::default(), files_first: AtomicBool::new(false) }
    }

    /// Writes a row, and removes the file that it replaces.
    async fn save(&self, attempted: String, key: BlobKey, content: Bytes) -> Result<(), PortError> {
        let blobs = vec![(key, content)];
        let replaced = self.database.write_relaxed(attempted, self.rows(blobs.clone())).await?;
        self.remove_replaced(replaced, blobs).await
    }

    /// The same for a slice of a worker's output.
    async fn save_slice(&self, blobs: Vec<(BlobKey, Bytes)>) -> Result<(), PortError> {
        let replaced = self.database.write_bulk("put several blobs", self.rows(blobs.clone())).await?;
        self.remove_replaced(replaced, blobs).await
    }

    /// A write of rows that answers which of them have a file as well.
    fn rows(
        &self,
        blobs: Vec<(BlobKey, Bytes)>,
    ) -> impl FnOnce(&Connection) -> Result<Vec<BlobKey>, PortError> + Send + use<> {
        let (now, files) = (self.files.clock().now(), Arc::clone(self.files.files()));
        move |connection| {
            blobs.iter().try_for_each(|(key, content)| rows::save(connection, key, content, now))?;
            Ok(blobs.into_iter().map(|(key, _)| key).filter(|key| files.holds(key)).collect())
        }
    }

    async fn remove_replaced(
        &self,
        replaced: Vec<BlobKey>,
        blobs: Vec<(BlobKey, Bytes)>,
    ) -> Result<(), PortError> {
        if replaced.is_empty() {
            return Ok(());
        }
        // A power cut must not take the rows back once their files are gone: they are written again, onto the disk.
        self.database.write("replace blobs", self.rows(blobs)).await?;
        for key in replaced {
            self.files.delete(&key).await?;
        }
        Ok(())
    }

    async fn forget_row(&self, key: &BlobKey) -> Result<Option<u64>, PortError> {
        let key = key.clone();
        let attempted = format!("delete blob {}", key.as_str());
        self.database.write(attempted, move |connection| rows::remove(connection, key.as_str())).await
    }

    async fn row(&self, key: &BlobKey) -> Result<Option<Bytes>, PortError> {
        let key = key.clone();
        self.database.read("read a small blob", move |connection| rows::find(connection, &key)).await
    }

    async fn row_sizes(&self, prefix: &BlobPrefix, limit: usize) -> Result<Vec<(String, u64)>, PortError> {
        let prefix = prefix.clone();
        let attempted = format!("list blobs {}", prefix.as_str());
        self.database.read(attempted, move |connection| rows::sizes(connection, &prefix, limit)).await
    }

    /// Every blob under a prefix, with its bytes.
    async fn sizes(&self, prefix: &BlobPrefix) -> Result<BTreeMap<String, u64>, PortError> {
        let listed = prefix.clone();
        let files =
            self.files.run(format!("list blobs {}", prefix.as_str()), move |files| files.sizes(&listed));
        let mut sizes: BTreeMap<_, _> = files.await?.into_iter().collect();
        sizes.extend(self.row_sizes(prefix, usize::MAX).await?);
        Ok(sizes)
    }

    /// Old sources among the rows; goes round as the files' search does.
    async fn old_rows(
        &self,
        tenant: Option<&TenantId>,
        before: Timestamp,
        limit: usize,
    ) -> Result<Vec<(DocumentKey, UploadId)>, PortError> {
        let tenant = tenant.cloned();
        let last = self.visited.lock().unwrap_or_else(PoisonError::into_inner).get(&tenant).cloned();
        let (asked, last) = (tenant.clone(), last.unwrap_or_default());
        let read = move |connection: &Connection| {
            let mut found = rows::old_sources(connection, asked.as_ref(), before, &last, limit)?;
            if found.len() < limit && !last.is_empty() {
                let rest = limit - found.len();
                let front = rows::old_sources(connection, asked.as_ref(), before, "", rest)?;
                found.extend(front.into_iter().take_while(|(key, _)| *key <= last));
            }
            Ok(found)
        };
        let found = self.database.read("list old uploads", read).await?;
        if let Some((key, _)) = found.last() {
            self.visited.lock().unwrap_or_else(PoisonError::into_inner).insert(tenant, key.clone());
        }
        Ok(found.into_iter().map(|(_, source)| source).collect())
    }
}

#[async_trait]
impl BlobStore for LocalBlobStore {
    async fn put(&self, key: &BlobKey, content: Bytes) -> Result<(), PortError> {
        if content.len() <= SMALL_BYTES_MAX {
            return self.save(format!("put blob {}", key.as_str()), key.clone(), content).await;
        }
        self.files.put(key, content).await?;
        self.forget_row(key).await.map(drop)
    }

    async fn put_many(&self, blobs: Vec<(BlobKey, Bytes)>) -> Result<(), PortError> {
        let (small, large): (Vec<_>, Vec<_>) =
            blobs.into_iter().partition(|(_, content)| content.len() <= SMALL_BYTES_MAX);
        let mut slice = Vec::new();
        let mut slice_bytes = 0;
        for (key, content) in small {
            slice_bytes += content.len();
            slice.push((key, content));
            if slice_bytes >= SLICE_BYTES {
                self.save_slice(std::mem::take(&mut slice)).await?;
                slice_bytes = 0;
            }
        }
        if !slice.is_empty() {
            self.save_slice(slice).await?;
        }
        let keys: Vec<_> = large.iter().map(|(key, _)| key.clone()).collect();
        if !large.is_empty() {
            self.files.put_many(large).await?;
        }
        for key in keys {
            self.forget_row(&key).await?;
        }
        Ok(())
    }

    async fn put_stream(
        &self,
        key: &BlobKey,
        mut content: ByteStream,
        limit: ByteSize,
    ) -> Result<StoredBlob, PortError> {
        let attempted = format!("put blob {}", key.as_str());
        let mut begun: Vec<Bytes> = Vec::new();
        let mut size = 0;
        while size <= SMALL_BYTES_MAX {
            let Some(piece) = content.next().await else {
                let whole = Bytes::from(begun.concat());
                let sha256 = ContentHash::from_digest(Sha256::digest(&whole).into());
                self.save(attempted, key.clone(), whole).await?;
                return Ok(StoredBlob { size: ByteSize::new(size as u64), sha256 });
            };
            let failed = |error| PortError::caused(ErrorKind::Unavailable, attempted.clone(), error);
            let piece = piece.map_err(failed)?;
            size += piece.len();
            if size as u64 > limit.get() {
                return Err(PortError::new(ErrorKind::Invalid, format!("{attempted}: over {limit} bytes")));
            }
            begun.push(piece);
        }
        let whole = stream::iter(begun.into_iter().map(Ok)).chain(content).boxed();
        let stored = self.files.put_stream(key, whole, limit).await?;
        self.forget_row(key).await?;
        Ok(stored)
    }

    async fn get(&self, key: &BlobKey) -> Result<Bytes, PortError> {
        match self.row(key).await? {
            Some(content) => Ok(content),
            None => self.files.get(key).await,
        }
    }

    async fn open(
        &self,
        key: &BlobKey,
        range: Option<Range<u64>>,
    ) -> Result<(ByteSize, ByteStream), PortError> {
        let Some(content) = self.row(key).await? else { return self.files.open(key, range).await };
        let size = content.len();
        let within = |at: u64| usize::try_from(at).unwrap_or(size).min(size);
        let start = range.as_ref().map_or(0, |range| within(range.start));
        let end = range.map_or(size, |range| within(range.end)).max(start);
        let asked = (start < end).then(|| Ok(content.slice(start..end)));
        Ok((ByteSize::new(size as u64), stream::iter(asked).boxed()))
    }

    async fn delete(&self, key: &BlobKey) -> Result<BlobUsage, PortError> {
        let file = self.files.delete(key).await?;
        Ok(self.forget_row(key).await?.map_or(file, |bytes| BlobUsage { blobs: 1, bytes }))
    }

    async fn delete_prefix(&self, prefix: &BlobPrefix) -> Result<BlobUsage, PortError> {
        let mut removed = self.files.delete_prefix(prefix).await?;
        loop {
            let listed = prefix.clone();
            let remove = move |connection: &Connection| {
                let slice = rows::sizes(connection, &listed, SLICE)?;
                slice.iter().try_for_each(|(key, _)| rows::remove(connection, key).map(drop))?;
                Ok(slice)
            };
            let attempted = format!("delete blobs {}", prefix.as_str());
            let slice = self.database.write_bulk(attempted, remove).await?;
            if slice.is_empty() {
                return Ok(removed);
            }
            removed.blobs += slice.len() as u64;
            removed.bytes += slice.iter().map(|(_, bytes)| bytes).sum::<u64>();
        }
    }

    async fn usage(&self, prefix: &BlobPrefix) -> Result<BlobUsage, PortError> {
        let sizes = self.sizes(prefix).await?;
        Ok(BlobUsage { blobs: sizes.len() as u64, bytes: sizes.values().sum() })
    }

    async fn old_sources(
        &self,
        tenant: Option<&TenantId>,
        age_ms: u64,
        limit: usize,
    ) -> Result<Vec<(DocumentKey, UploadId)>, PortError> {
        let age = i64::try_from(age_ms).unwrap_or(i64::MAX);
        let before = self.files.clock().now().plus_millis(age.saturating_neg());
        // In turns, so that neither hides the other when there are more than `limit`.
        if self.files_first.fetch_xor(true, Ordering::Relaxed) {
            let mut found = self.files.old_sources(tenant, age_ms, limit).await?;
            found.extend(self.old_rows(tenant, before, limit - found.len()).await?);
            Ok(found)
        } else {
            let mut found = self.old_rows(tenant, before, limit).await?;
            found.extend(self.files.old_sources(tenant, age_ms, limit - found.len()).await?);
            Ok(found)
        }
    }
}
