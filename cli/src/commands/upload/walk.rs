//! Finds the files to upload: named files as they are, folders with all below them in sorted order. Hidden files, links
//! and what is neither file nor folder are left out inside folders; a folder is entered once, however many ways lead there.

use std::collections::HashSet;
use std::fs::{self, FileType};
use std::io;
use std::path::{Path, PathBuf};

/// Folders within folders, at most. Deeper ones are reported as unreadable.
const DEPTH_MAX: usize = 256;

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Each file once, in the order of the command line and sorted below folders.
    pub(super) files: Vec<PathBuf>,
    /// What could not be read, and why.
    pub(super) unreadable: Vec<(PathBuf, io::Error)>,
    /// Links inside folders that were not followed.
    pub(super) links_skipped: usize,
}

/// Walks the paths.
pub(super) fn find(paths: &[PathBuf], follow_links: bool) -> Found {
    let mut walk = Walk { found: Found::default(), seen: HashSet::new(), follow_links };
    for path in paths {
        match fs::metadata(path) {
            Ok(metadata) => walk.take(path, metadata.file_type(), 0, true),
            Err(error) => walk.found.unreadable.push((path.clone(), error)),
        }
    }
    walk.found
}

struct Walk {
    found: Found,
    /// The real places of folders entered and files taken.
    seen: HashSet<PathBuf>,
    follow_links: bool,
}

impl Walk {
    fn take(&mut self, path: &Path, kind: FileType, depth: usize, is_named: bool) {
        if !kind.is_file() && !kind.is_dir() {
            if is_named {
                let error = io::Error::new(io::ErrorKind::InvalidInput, "neither a file nor a folder");
                self.found.unreadable.push((path.to_owned(), error));
            }
            return;
        }
        let is_new = match fs::canonicalize(path) {
            Ok(place) => self.seen.insert(place),
            Err(error) => return self.found.unreadable.push((path.to_owned(), error)),
        };
        if is_new && kind.is_file() {
            self.found.files.push(path.to_owned());
        } else if is_new {
            self.enter(path, depth);
        }
    }

    fn enter(&mut self, folder: &Path, depth: usize) {
        let entries = if depth < DEPTH_MAX {
            fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>)
        } else {
            Err(io::Error::other("too many folders within folders"))
        };
        let mut entries = match entries {
            Ok(entries) => entries,
            Err(error) => return self.found.unreadable.push((folder.to_owned(), error)),
        };
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            if entry.file_name().as_encoded_bytes().starts_with(b".") {
                continue;
            }
            let path = entry.path();
            match self.kind_of(&entry) {
                Ok(Some(kind)) => self.take(&path, kind, depth + 1, false),
                Ok(None) => self.found.links_skipped += 1,
                Err(error) => self.found.unreadable.push((path, error)),
            }
        }
    }

    /// What the entry is, or what it leads to if links are followed; none for a link that is not.
    fn kind_of(&self, entry: &fs::DirEntry) -> io::Result<Option<FileType>> {
        let kind = entry.file_type()?;
        match (kind.is_symlink(), self.follow_links) {
            (false, _) => Ok(Some(kind)),
            (true, true) => fs::metadata(entry.path()).map(|metadata| Some(metadata.file_type())),
            (true, false) => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// a.txt, b/c.txt, b/.hidden, .git/config
    fn tree() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for path in ["b/c.txt", "b/.hidden", ".git/config", "a.txt"] {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "text").unwrap();
        }
        folder
    }

    fn names(found: &Found, below: &Path) -> Vec<String> {
        let name =
            |path: &PathBuf| path.strip_prefix(below).unwrap().display().to_string().replace('\\', "/");
        found.files.iter().map(name).collect()
    }

    #[test]
    fn a_folder_is_read_in_order_without_hidden_files() {
        let folder = tree();
        let found = find(&[folder.path().to_owned()], false);
        assert_eq!(names(&found, folder.path()), ["a.txt", "b/c.txt"]);
    }

    #[test]
    fn a_hidden_file_that_is_named_is_meant() {
        let folder = tree();
        let found = find(&[folder.path().join("b/.hidden")], false);
        assert_eq!(names(&found, folder.path()), ["b/.hidden"]);
    }

    #[test]
    fn a_file_named_twice_is_uploaded_once() {
        let folder = tree();
        let found = find(&[folder.path().join("b/c.txt"), folder.path().to_owned()], false);
        assert_eq!(names(&found, folder.path()), ["b/c.txt", "a.txt"]);
    }

    #[test]
    fn what_is_missing_does_not_hide_the_rest() {
        let folder = tree();
        let found = find(&[folder.path().join("missing"), folder.path().join("a.txt")], false);
        assert_eq!(found.unreadable.len(), 1);
        assert_eq!(names(&found, folder.path()), ["a.txt"]);
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_only_when_asked_and_never_in_circles() {
        use std::os::unix::fs::symlink;
        let folder = tree();
        symlink(folder.path(), folder.path().join("b/up")).unwrap();
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("o.txt"), "text").unwrap();
        symlink(outside.path(), folder.path().join("outside")).unwrap();

        let found = find(&[folder.path().to_owned()], false);
        assert_eq!(names(&found, folder.path()), ["a.txt", "b/c.txt"]);
        assert_eq!(found.links_skipped, 2);

        let found = find(&[folder.path().to_owned()], true);
        assert_eq!(names(&found, folder.path()), ["a.txt", "b/c.txt", "outside/o.txt"]);
        assert_eq!(found.links_skipped, 0);
    }
}
