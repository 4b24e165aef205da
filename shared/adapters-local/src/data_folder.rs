//! The folder that holds everything a single node stores: one process at a time, of a format this release knows.
//! What lies in the database and under the blobs is their adapters' business.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process;

use millrace_ports::{ErrorKind, PortError};

/// The layout of the folder that this release writes. The database counts its own formats. Layout 1 had uploaded contents
/// without an ending.
const LAYOUT_VERSION: u32 = 2;
/// First line of the file that marks a data folder.
const MARK: &str = "millrace data folder, layout ";
/// The mark while it is being written.
const UNFINISHED_MARK: &str = "FORMAT.new";
/// Only the owner may look inside.
const FOLDER_MODE: u32 = 0o700;
/// Longest content of the mark or the lock file that is looked at.
const SMALL_FILE_BYTES_MAX: u64 = 256;

/// An opened data folder; nobody else can open it until this is dropped.
#[derive(Debug)]
pub struct DataFolder {
    path: PathBuf,
    /// Holds the lock, which the system releases when the process ends, however it ends.
    _lock: File,
}

impl DataFolder {
    /// Opens the folder, making it if there is none. Refuses, with the reason as the error's source: one in use by
    /// another process, one written by a newer release, and one that holds something else.
    pub fn open(path: &Path) -> Result<Self, PortError> {
        let attempted = format!("open data folder {}", path.display());
        Self::prepare(path).map_err(|refusal| match refusal {
            Refusal::Because(kind, reason) => PortError::caused(kind, attempted, reason),
            Refusal::Io(error) => PortError::caused(ErrorKind::Unavailable, attempted, error),
        })
    }

    fn prepare(path: &Path) -> Result<Self, Refusal> {
        DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(path)?;
        let mark = path.join("FORMAT");
        if mark.try_exists()? {
            check_mark(&read_small(&mark)?)?;
        } else {
            require_empty(path)?;
        }
        let lock = lock(&path.join("LOCK"))?;
        DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(path.join("blobs"))?;
        let found = if mark.try_exists()? { check_mark(&read_small(&mark)?)? } else { 0 };
        if found == 1 {
            name_contents(&path.join("blobs"))?;
        }
        // Last: what an upgrade that was interrupted had not reached yet is reached by the next.
        if found < LAYOUT_VERSION {
            write_mark(path, &mark)?;
        }
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the database lies.
    pub fn database(&self) -> PathBuf {
        Self::database_in(&self.path)
    }

    /// Where the database of a folder lies, for whoever adds a setting beside a running node.
    pub fn database_in(path: &Path) -> PathBuf {
        path.join("millrace.db")
    }

    /// The folder under which contents lie.
    pub fn blobs(&self) -> PathBuf {
        self.path.join("blobs")
    }
}

enum Refusal {
    Because(ErrorKind, String),
    Io(io::Error),
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// The layout that a mark names, if this release knows it.
fn check_mark(mark: &str) -> Result<u32, Refusal> {
    let version = mark.strip_prefix(MARK).and_then(|rest| rest.trim_end().parse::<u32>().ok());
    let reason = match version {
        Some(version) if version <= LAYOUT_VERSION => return Ok(version),
        Some(version) => format!(
            "it has layout {version}, this release reads up to {LAYOUT_VERSION}: use the newer release"
        ),
        None => "its FORMAT file is not one of ours".to_owned(),
    };
    Err(Refusal::Because(ErrorKind::Invalid, reason))
}

/// A folder without the mark must hold nothing, or somebody's files would be mixed with ours. Some files may
/// be left of a start that was interrupted, and file systems have their own.
fn require_empty(path: &Path) -> Result<(), Refusal> {
    for entry in fs::read_dir(path)? {
        let name = entry?.file_name();
        if name != "LOCK" && name != UNFINISHED_MARK && name != "lost+found" {
            let reason = format!("it is not a data folder and not empty, it holds {}", name.display());
            return Err(Refusal::Because(ErrorKind::Invalid, reason));
        }
    }
    Ok(())
}

fn lock(path: &Path) -> Result<File, Refusal> {
    let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let holder = read_small(path).unwrap_or_default();
            let reason = format!("it is in use by process {}", holder.trim());
            return Err(Refusal::Because(ErrorKind::Conflict, reason));
        }
        Err(TryLockError::Error(error)) => return Err(error.into()),
    }
    file.set_len(0)?;
    writeln!(file, "{}", process::id())?;
    Ok(file)
}

/// Gives the files of uploaded contents their ending: from layout 1 to 2.
fn name_contents(blobs: &Path) -> io::Result<()> {
    for tenant in folders_in(blobs)? {
        for document in folders_in(&tenant)? {
            for entry in fs::read_dir(&document)? {
                let (path, name) = entry.map(|entry| (entry.path(), entry.file_name()))?;
                let name = name.to_string_lossy();
                if name.starts_with("source-") && !name.contains('.') {
                    fs::rename(&path, document.join(format!("{name}.content")))?;
                }
            }
            File::open(&document)?.sync_all()?;
        }
    }
    Ok(())
}

fn folders_in(path: &Path) -> io::Result<Vec<PathBuf>> {
    let mut folders = Vec::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            folders.push(entry.path());
        }
    }
    Ok(folders)
}

fn write_mark(folder: &Path, mark: &Path) -> io::Result<()> {
    let unfinished = folder.join(UNFINISHED_MARK);
    let mut file = File::create(&unfinished)?;
    writeln!(file, "{MARK}{LAYOUT_VERSION}")?;
    file.sync_all()?;
    fs::rename(&unfinished, mark)?;
    File::open(folder)?.sync_all()
}

fn read_small(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(SMALL_FILE_BYTES_MAX).read_to_string(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::error::Error;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn reason(error: &PortError) -> String {
        error.source().unwrap().to_string()
    }

    #[test]
    fn a_new_folder_is_private_and_opens_again() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("a/b");
        let folder = DataFolder::open(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, FOLDER_MODE);
        assert!(folder.blobs().is_dir());
        drop(folder);
        DataFolder::open(&path).unwrap();
    }

    #[test]
    fn a_folder_in_use_is_refused_with_the_process_that_uses_it() {
        let parent = tempfile::tempdir().unwrap();
        let _folder = DataFolder::open(parent.path()).unwrap();
        let refusal = DataFolder::open(parent.path()).unwrap_err();
        assert_eq!(refusal.kind, ErrorKind::Conflict);
        assert_eq!(reason(&refusal), format!("it is in use by process {}", process::id()));
    }

    #[test]
    fn a_newer_layout_is_refused() {
        let parent = tempfile::tempdir().unwrap();
        drop(DataFolder::open(parent.path()).unwrap());
        fs::write(parent.path().join("FORMAT"), format!("{MARK}{}\n", LAYOUT_VERSION + 1)).unwrap();
        let refusal = DataFolder::open(parent.path()).unwrap_err();
        assert_eq!(refusal.kind, ErrorKind::Invalid);
        assert!(reason(&refusal).contains("newer release"), "{}", reason(&refusal));
    }

    #[test]
    fn contents_of_the_first_layout_get_their_ending_also_after_an_interruption() {
        let parent = tempfile::tempdir().unwrap();
        drop(DataFolder::open(parent.path()).unwrap());
        let document = parent.path().join("blobs/acme/01890a5d-ac96-774b-bcce-b302099a8057");
        fs::create_dir_all(&document).unwrap();
        let upload = |n| format!("source-01890a5d-ac96-774b-bcce-b302099a805{n}");
        fs::write(document.join(upload(1)), "first").unwrap();
        fs::write(document.join(format!("{}.content", upload(2))), "renamed before").unwrap();
        fs::write(document.join("text-1"), "text").unwrap();
        fs::write(parent.path().join("FORMAT"), format!("{MARK}1\n")).unwrap();

        drop(DataFolder::open(parent.path()).unwrap());

        let mut names: Vec<_> = fs::read_dir(&document)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(
            names,
            [format!("{}.content", upload(1)), format!("{}.content", upload(2)), "text-1".into()]
        );
        let mark = fs::read_to_string(parent.path().join("FORMAT")).unwrap();
        assert_eq!(mark, format!("{MARK}{LAYOUT_VERSION}\n"));
    }

    #[test]
    fn a_folder_with_something_else_in_it_is_refused() {
        let parent = tempfile::tempdir().unwrap();
        fs::write(parent.path().join("thesis.txt"), "precious").unwrap();
        let refusal = DataFolder::open(parent.path()).unwrap_err();
        assert!(reason(&refusal).contains("thesis.txt"), "{}", reason(&refusal));
        assert!(!parent.path().join("LOCK").exists());
    }
}
