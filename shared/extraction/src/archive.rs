//! Reads the entries of a ZIP container (DOCX, PPTX, XLSX, ODF, EPUB) under a budget of unpacked bytes.
//! Declared sizes are never trusted: every inflated byte is counted as it is read. It deliberately
//! unpacks nothing to disk and reads only the entries that are asked for.

use std::cell::Cell;
use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Cursor, Read};

use millrace_ports::{ExtractionError, ExtractionLimits};
use zip::ZipArchive;
use zip::result::ZipError;

use crate::decode;

/// Small documents may unpack to this much whatever their ratio is.
const UNPACKED_BYTES_FLOOR: u64 = 4 << 20;
const READ_BUFFER_BYTES: usize = 32 << 10;

pub(crate) struct Archive<'a> {
    zip: ZipArchive<Cursor<&'a [u8]>>,
    names: HashMap<String, String>,
    remaining_bytes: Cell<u64>,
    ratio_max: u32,
}

impl<'a> Archive<'a> {
    pub(crate) fn open(bytes: &'a [u8], limits: &ExtractionLimits) -> Result<Self, ExtractionError> {
        let zip = ZipArchive::new(Cursor::new(bytes)).map_err(|error| from_zip_error(&error, "archive"))?;
        let names = zip.file_names().flatten().map(|name| (lookup_key(&name), name.into_owned())).collect();
        let allowed = (bytes.len() as u64).saturating_mul(u64::from(limits.expansion_ratio_max));
        Ok(Self {
            zip,
            names,
            remaining_bytes: Cell::new(allowed.max(UNPACKED_BYTES_FLOOR)),
            ratio_max: limits.expansion_ratio_max,
        })
    }

    pub(crate) fn contains(&self, name: &str) -> bool {
        self.names.contains_key(&lookup_key(name))
    }

    /// Names of the entries that start with a prefix, in alphabetical order.
    pub(crate) fn names_under(&self, prefix: &str) -> Vec<String> {
        let mut found: Vec<String> =
            self.names.keys().filter(|name| name.starts_with(prefix)).cloned().collect();
        found.sort();
        found
    }

    /// Streams an entry that must exist.
    pub(crate) fn open_entry(&mut self, name: &str) -> Result<Box<dyn BufRead + '_>, ExtractionError> {
        let stored = self.names.get(&lookup_key(name)).ok_or_else(|| missing(name))?;
        let entry = self.zip.by_name(stored).map_err(|error| from_zip_error(&error, name))?;
        let counted =
            Counted { inner: entry, remaining_bytes: &self.remaining_bytes, ratio_max: self.ratio_max };
        let mut reader = BufReader::with_capacity(READ_BUFFER_BYTES, counted);
        let head = reader.fill_buf().map_err(|error| from_io_error(&error, name))?;
        if head.starts_with(&[0xff, 0xfe]) || head.starts_with(&[0xfe, 0xff]) {
            let mut bytes = Vec::new();
            reader.read_to_end(&mut bytes).map_err(|error| from_io_error(&error, name))?;
            return Ok(Box::new(Cursor::new(decode::decode(&bytes, None).into_owned().into_bytes())));
        }
        Ok(Box::new(reader))
    }

    /// Reads a whole entry that must exist.
    pub(crate) fn read_entry(&mut self, name: &str) -> Result<Vec<u8>, ExtractionError> {
        let mut bytes = Vec::new();
        self.open_entry(name)?.read_to_end(&mut bytes).map_err(|error| from_io_error(&error, name))?;
        Ok(bytes)
    }
}

struct Counted<'a, R> {
    inner: R,
    remaining_bytes: &'a Cell<u64>,
    ratio_max: u32,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        match self.remaining_bytes.get().checked_sub(count as u64) {
            Some(remaining) => self.remaining_bytes.set(remaining),
            None => {
                let reason = format!("unpacks to more than {} times its size", self.ratio_max);
                return Err(io::Error::new(io::ErrorKind::FileTooLarge, reason));
            }
        }
        Ok(count)
    }
}

/// What a failed read of an entry means.
pub(crate) fn from_io_error(error: &io::Error, name: &str) -> ExtractionError {
    if error.kind() == io::ErrorKind::FileTooLarge {
        return ExtractionError::TooLarge(error.to_string());
    }
    ExtractionError::Corrupt(format!("cannot unpack {name}: {error}"))
}

fn from_zip_error(error: &ZipError, name: &str) -> ExtractionError {
    match error {
        ZipError::InvalidPassword => ExtractionError::Encrypted("the archive needs a password".to_owned()),
        ZipError::UnsupportedArchive(reason) if *reason == ZipError::PASSWORD_REQUIRED => {
            ExtractionError::Encrypted("the archive needs a password".to_owned())
        }
        other => ExtractionError::Corrupt(format!("cannot read {name}: {other}")),
    }
}

fn missing(name: &str) -> ExtractionError {
    ExtractionError::Corrupt(format!("part {name} is missing"))
}

fn lookup_key(name: &str) -> String {
    name.replace('\\', "/").trim_start_matches('/').to_ascii_lowercase()
}

/// Joins a relative target, as relationships and manifests have them, to the folder of the part naming it.
pub(crate) fn resolve(base_part: &str, target: &str) -> String {
    let target = target.split(['#', '?']).next().unwrap_or_default();
    if let Some(absolute) = target.strip_prefix('/') {
        return absolute.to_owned();
    }
    let folder = base_part.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut segments: Vec<&str> = folder.split('/').filter(|segment| !segment.is_empty()).collect();
    for segment in target.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            other => segments.push(other),
        }
    }
    segments.join("/")
}

#[cfg(test)]
mod tests {
    use super::resolve;

    #[test]
    fn targets_resolve_against_their_part() {
        assert_eq!(resolve("ppt/slides/slide1.xml", "../notesSlides/n1.xml"), "ppt/notesSlides/n1.xml");
        assert_eq!(resolve("xl/workbook.xml", "/xl/worksheets/s.xml"), "xl/worksheets/s.xml");
        assert_eq!(resolve("content.opf", "a/b.xhtml#part"), "a/b.xhtml");
    }
}
