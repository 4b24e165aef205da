//! Files and folders behind the blob store: `root/tenant/document/part`, and `root/.incoming` for what is still being
//! written. Blocking throughout; whoever calls it minds the thread. Knows nothing of streams.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use millrace_domain::{DocumentKey, TenantId, Timestamp, UploadId};
use millrace_ports::{BlobKey, BlobPrefix, BlobUsage};

/// Where unfinished files lie. No tenant's name begins with a full stop.
const INCOMING: &str = ".incoming";
/// Times a file is moved into a folder that somebody else removes at the same moment.
const MOVES_MAX: u32 = 5;

/// The folder of a blob store.
#[derive(Debug)]
pub(crate) struct BlobFiles {
    root: PathBuf,
    next: AtomicU64,
    /// Folders that were made and whose name may not have reached the disk.
    unsynced: Mutex<HashSet<PathBuf>>,
    /// Where the last search for old sources ended, so that the next one goes on there.
    visited: Mutex<HashMap<Option<TenantId>, (String, String)>>,
}

/// A file that is not yet a blob. Dropped before that, it is removed.
#[derive(Debug)]
pub(crate) struct Incoming {
    file: File,
    path: PathBuf,
    moved: bool,
}

impl Incoming {
    /// Adds bytes at the end.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    /// Makes the content survive a crash; `at` is when it counts as written.
    pub(crate) fn sync(&self, at: Timestamp) -> io::Result<()> {
        self.file.set_modified(UNIX_EPOCH + Duration::from_millis(at.as_millis().unsigned_abs()))?;
        self.file.sync_all()
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        if !self.moved {
            // What cannot be removed now is removed when the store is opened next.
            let _ = fs::remove_file(&self.path);
        }
    }
}

impl BlobFiles {
    /// Opens or creates the folder and removes what an earlier run left unfinished.
    pub(crate) fn open(root: &Path) -> io::Result<Self> {
        let incoming = root.join(INCOMING);
        fs::create_dir_all(&incoming)?;
        for entry in fs::read_dir(&incoming)? {
            fs::remove_file(entry?.path())?;
        }
        sync_folder(root)?;
        Ok(Self {
            root: root.to_owned(),
            next: AtomicU64::new(0),
            unsynced: Mutex::default(),
            visited: Mutex::default(),
        })
    }

    /// Begins a file.
    pub(crate) fn begin(&self) -> io::Result<Incoming> {
        let path = self.root.join(INCOMING).join(self.next.fetch_add(1, Ordering::Relaxed).to_string());
        let file = File::create_new(&path)?;
        Ok(Incoming { file, path, moved: false })
    }

    /// Makes synced files blobs, replacing those of the same keys, and makes that survive a crash.
    pub(crate) fn publish(&self, files: Vec<(BlobKey, Incoming)>) -> io::Result<()> {
        let mut folders = BTreeSet::new();
        for (key, mut file) in files {
            let path = self.path(&key);
            self.move_to(&file.path, &path)?;
            file.moved = true;
            folders.extend(path.parent().map(Path::to_owned));
        }
        folders.iter().try_for_each(|folder| self.sync_up(folder))
    }

    fn move_to(&self, from: &Path, to: &Path) -> io::Result<()> {
        for _ in 0..MOVES_MAX {
            match fs::rename(from, to) {
                Err(error) if error.kind() == ErrorKind::NotFound => self.make_folders(to)?,
                moved => return moved,
            }
        }
        fs::rename(from, to)
    }

    fn make_folders(&self, path: &Path) -> io::Result<()> {
        let Some(document) = path.parent() else { return Ok(()) };
        for folder in [document.parent(), Some(document)].into_iter().flatten() {
            // Made and noted under one lock, so that nobody takes a new one for durable, nor an old one for new.
            let mut unsynced = self.unsynced();
            match fs::create_dir(folder) {
                Ok(()) => drop(unsynced.insert(folder.to_owned())),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Syncs a folder, and those above whose names are not yet on the disk.
    fn sync_up(&self, folder: &Path) -> io::Result<()> {
        sync_folder(folder)?;
        let mut folder = folder;
        while self.unsynced().contains(folder) {
            let Some(parent) = folder.parent() else { break };
            sync_folder(parent)?;
            self.unsynced().remove(folder);
            folder = parent;
        }
        Ok(())
    }

    fn unsynced(&self) -> MutexGuard<'_, HashSet<PathBuf>> {
        self.unsynced.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens a blob's file.
    pub(crate) fn file(&self, key: &BlobKey) -> io::Result<File> {
        File::open(self.path(key))
    }

    /// Whether there is such a blob.
    pub(crate) fn holds(&self, key: &BlobKey) -> bool {
        self.path(key).exists()
    }

    /// The blobs under a prefix and their bytes, in order.
    pub(crate) fn sizes(&self, prefix: &BlobPrefix) -> io::Result<Vec<(String, u64)>> {
        let (folder, paths) = self.list(prefix)?;
        let mut sizes = Vec::new();
        for path in paths {
            let Some(metadata) = if_found(fs::metadata(&path))? else { continue };
            let name = path.strip_prefix(&self.root).unwrap_or(&folder).to_string_lossy().into_owned();
            sizes.push((name, metadata.len()));
        }
        Ok(sizes)
    }

    /// Removes a blob, if it is there.
    pub(crate) fn remove(&self, key: &BlobKey) -> io::Result<BlobUsage> {
        let path = self.path(key);
        let removed = remove_files(std::slice::from_ref(&path))?;
        path.parent().map_or(Ok(()), tidy)?;
        Ok(removed)
    }

    /// Removes all blobs under a prefix.
    pub(crate) fn remove_prefix(&self, prefix: &BlobPrefix) -> io::Result<BlobUsage> {
        let (folder, paths) = self.list(prefix)?;
        let removed = remove_files(&paths)?;
        tidy(&folder)?;
        Ok(removed)
    }

    /// Counts the blobs under a prefix.
    pub(crate) fn usage(&self, prefix: &BlobPrefix) -> io::Result<BlobUsage> {
        let sizes = self.sizes(prefix)?;
        Ok(BlobUsage { blobs: sizes.len() as u64, bytes: sizes.iter().map(|(_, bytes)| bytes).sum() })
    }

    fn list(&self, prefix: &BlobPrefix) -> io::Result<(PathBuf, Vec<PathBuf>)> {
        let (folder, part) = prefix.as_str().rsplit_once('/').unwrap_or((prefix.as_str(), ""));
        let folder = self.root.join(folder);
        let names = names_in(&folder)?;
        let paths =
            names.iter().filter(|name| name.starts_with(part)).map(|name| folder.join(name)).collect();
        Ok((folder, paths))
    }

    /// Uploaded contents last written before an instant, at most `limit`. Goes round: each call continues behind the
    /// last document of the one before, so that old contents that are in use do not hide the orphans behind them.
    pub(crate) fn old_sources(
        &self,
        tenant: Option<&TenantId>,
        before: Timestamp,
        limit: usize,
    ) -> io::Result<Vec<(DocumentKey, UploadId)>> {
        let mut visited = self.visited.lock().unwrap_or_else(PoisonError::into_inner);
        let last = visited.get(&tenant.cloned()).cloned();
        let documents = self.documents(tenant)?;
        let begin = last.map_or(0, |last| documents.partition_point(|document| *document <= last));
        let (front, back) = documents.split_at(begin);
        let mut found = Vec::new();
        for document in back.iter().chain(front) {
            let sources = self.sources_before(document, before)?;
            if !found.is_empty() && found.len() + sources.len() > limit {
                break;
            }
            found.extend(sources);
            visited.insert(tenant.cloned(), document.clone());
            if found.len() >= limit {
                break;
            }
        }
        found.truncate(limit);
        Ok(found)
    }

    /// Names of tenants and their documents, ascending.
    fn documents(&self, tenant: Option<&TenantId>) -> io::Result<Vec<(String, String)>> {
        let tenants = match tenant {
            Some(tenant) => vec![tenant.to_string()],
            None => names_in(&self.root)?,
        };
        let mut documents = Vec::new();
        for tenant in tenants.into_iter().filter(|name| TenantId::new(name.as_str()).is_ok()) {
            let names = names_in(&self.root.join(&tenant))?;
            documents.extend(names.into_iter().map(|name| (tenant.clone(), name)));
        }
        documents.sort_unstable();
        Ok(documents)
    }

    fn sources_before(
        &self,
        (tenant, document): &(String, String),
        before: Timestamp,
    ) -> io::Result<Vec<(DocumentKey, UploadId)>> {
        let folder = self.root.join(tenant).join(document);
        let mut found = Vec::new();
        for name in names_in(&folder)? {
            let Some(source) = BlobKey::upload_of(&format!("{tenant}/{document}/{name}")) else { continue };
            let Some(metadata) = if_found(fs::metadata(folder.join(&name)))? else { continue };
            let written = metadata.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
            if written < Duration::from_millis(before.as_millis().unsigned_abs()) {
                found.push(source);
            }
        }
        Ok(found)
    }

    fn path(&self, key: &BlobKey) -> PathBuf {
        self.root.join(key.as_str())
    }
}

/// Names in a folder, ascending; none if there is no such folder.
fn names_in(folder: &Path) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        entries => entries?,
    };
    let mut names = Vec::new();
    for entry in entries {
        // Names that are no text are not ours.
        names.extend(entry?.file_name().into_string());
    }
    names.sort_unstable();
    Ok(names)
}

fn remove_files(paths: &[PathBuf]) -> io::Result<BlobUsage> {
    let mut removed = BlobUsage::default();
    for path in paths {
        let Some(metadata) = if_found(fs::metadata(path))? else { continue };
        if if_found(fs::remove_file(path))?.is_some() {
            removed.blobs += 1;
            removed.bytes += metadata.len();
        }
    }
    Ok(removed)
}

/// Makes removals in a folder survive a crash, and removes the folder if nothing is left in it.
fn tidy(folder: &Path) -> io::Result<()> {
    if if_found(sync_folder(folder))?.is_none() {
        return Ok(());
    }
    match (fs::remove_dir(folder), folder.parent()) {
        (Ok(()), Some(parent)) => sync_folder(parent),
        // It holds something, or somebody else was faster.
        _ => Ok(()),
    }
}

fn if_found<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Makes the names in a folder survive a crash.
fn sync_folder(folder: &Path) -> io::Result<()> {
    // Only Unix has a way to say so.
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}
