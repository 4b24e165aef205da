//! Decides what a document is: by magic bytes and archive entries first; the file name and the declared
//! type choose only between text formats. It deliberately names unknown binaries, so that the refusal
//! tells its reader what was sent.

use millrace_ports::{ExtractionError, ExtractionHints};

use crate::archive::Archive;
use crate::decode;

/// The formats that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Pdf,
    Docx,
    Pptx,
    Xlsx,
    OpenDocumentText,
    OpenDocumentPresentation,
    OpenDocumentSpreadsheet,
    Epub,
    Rtf,
    Html,
    Xml,
    Markdown,
    Csv,
    Tsv,
    Json,
    Eml,
    PlainText,
}

pub(crate) const SUPPORTED: &str = "supported are PDF, DOCX, PPTX, XLSX, ODT, ODP, ODS, EPUB, RTF, HTML, XML, Markdown, CSV, JSON, EML and plain text";

impl Format {
    pub(crate) fn media_type(self) -> &'static str {
        match self {
            Self::Pdf => "application/pdf",
            Self::Docx => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            Self::Pptx => "application/vnd.openxmlformats-officedocument.presentationml.presentation",
            Self::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            Self::OpenDocumentText => "application/vnd.oasis.opendocument.text",
            Self::OpenDocumentPresentation => "application/vnd.oasis.opendocument.presentation",
            Self::OpenDocumentSpreadsheet => "application/vnd.oasis.opendocument.spreadsheet",
            Self::Epub => "application/epub+zip",
            Self::Rtf => "application/rtf",
            Self::Html => "text/html",
            Self::Xml => "application/xml",
            Self::Markdown => "text/markdown",
            Self::Csv => "text/csv",
            Self::Tsv => "text/tab-separated-values",
            Self::Json => "application/json",
            Self::Eml => "message/rfc822",
            Self::PlainText => "text/plain",
        }
    }
}

/// Refuses a kind of content by its name.
pub(crate) fn unsupported(found: &str) -> ExtractionError {
    ExtractionError::UnsupportedMediaType(format!("found {found}; {SUPPORTED}"))
}

const HEAD_BYTES: usize = 4096;
const PDF_MARK_WITHIN_BYTES: usize = 1024;

/// Finds the format of a content that is no ZIP archive (see [`detect_archive`]).
pub(crate) fn detect(bytes: &[u8], hints: &ExtractionHints) -> Result<Format, ExtractionError> {
    let head = &bytes[..bytes.len().min(HEAD_BYTES)];
    if is_pdf(head) {
        return Ok(Format::Pdf);
    }
    if head.starts_with(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1") {
        return Err(compound_file(bytes));
    }
    if head.trim_ascii_start().starts_with(b"{\\rtf") {
        return Ok(Format::Rtf);
    }
    if let Some(name) = known_binary(head) {
        return Err(unsupported(name));
    }
    if !looks_like_text(head) {
        return Err(unsupported("binary data of an unknown kind"));
    }
    Ok(detect_text(bytes, hints))
}

pub(crate) fn is_zip(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06")
}

/// Finds the format of a ZIP archive by the parts it holds.
pub(crate) fn detect_archive(archive: &mut Archive<'_>) -> Result<Format, ExtractionError> {
    if archive.contains("mimetype") {
        let declared = archive.read_entry("mimetype")?;
        match String::from_utf8_lossy(&declared).trim() {
            "application/epub+zip" => return Ok(Format::Epub),
            kind if kind.starts_with("application/vnd.oasis.opendocument.text") => {
                return Ok(Format::OpenDocumentText);
            }
            kind if kind.starts_with("application/vnd.oasis.opendocument.presentation") => {
                return Ok(Format::OpenDocumentPresentation);
            }
            kind if kind.starts_with("application/vnd.oasis.opendocument.spreadsheet") => {
                return Ok(Format::OpenDocumentSpreadsheet);
            }
            _ => {}
        }
    }
    if !archive.names_under("word/").is_empty() && archive.contains("[Content_Types].xml") {
        return Ok(Format::Docx);
    }
    if archive.contains("ppt/presentation.xml") {
        return Ok(Format::Pptx);
    }
    if archive.contains("xl/workbook.bin") {
        return Err(unsupported("a binary Excel workbook (XLSB)"));
    }
    if archive.contains("xl/workbook.xml") {
        return Ok(Format::Xlsx);
    }
    if archive.contains("META-INF/container.xml") {
        return Ok(Format::Epub);
    }
    Err(unsupported("a ZIP archive that is no known document"))
}

fn is_pdf(head: &[u8]) -> bool {
    let within = &head[..head.len().min(PDF_MARK_WITHIN_BYTES)];
    let Some(at) = within.windows(5).position(|window| window == b"%PDF-") else { return false };
    // Readers accept leading bytes, but a text that talks about PDF is none.
    at == 0 || within[..at].trim_ascii().is_empty() || head.windows(4).any(|window| window == b" obj")
}

/// OLE compound files: encrypted Office documents, or the binary formats of Office before 2007.
fn compound_file(bytes: &[u8]) -> ExtractionError {
    let holds = |name: &str| {
        let wide: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
        bytes.windows(wide.len()).any(|window| window == wide)
    };
    if holds("EncryptedPackage") || holds("EncryptionInfo") {
        return ExtractionError::Encrypted("an Office document that needs a password".to_owned());
    }
    let found = if holds("WordDocument") {
        "a Word 97-2003 document (DOC)"
    } else if holds("PowerPoint Document") {
        "a PowerPoint 97-2003 presentation (PPT)"
    } else if holds("Workbook") || holds("Book") {
        "an Excel 97-2003 workbook (XLS)"
    } else if holds("__properties_version1.0") {
        "an Outlook message (MSG)"
    } else {
        "an OLE compound file"
    };
    unsupported(found)
}

fn known_binary(head: &[u8]) -> Option<&'static str> {
    const MAGIC: &[(&[u8], &str)] = &[
        (b"\x89PNG\r\n\x1a\n", "a PNG image"),
        (b"\xff\xd8\xff", "a JPEG image"),
        (b"GIF8", "a GIF image"),
        (b"II*\0", "a TIFF image"),
        (b"MM\0*", "a TIFF image"),
        (b"8BPS", "a Photoshop image"),
        (b"\0\0\x01\0", "an icon"),
        (b"\x7fELF", "an ELF executable"),
        (b"MZ\x90\0", "a Windows executable"),
        (b"\xca\xfe\xba\xbe", "a Java class or Mach-O file"),
        (b"\xcf\xfa\xed\xfe", "a Mach-O executable"),
        (b"\0asm", "a WebAssembly module"),
        (b"\x1f\x8b", "gzip data"),
        (b"BZh", "bzip2 data"),
        (b"\xfd7zXZ\0", "xz data"),
        (b"\x28\xb5\x2f\xfd", "zstd data"),
        (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
        (b"Rar!\x1a\x07", "a RAR archive"),
        (b"ID3", "an MP3 audio file"),
        (b"fLaC", "a FLAC audio file"),
        (b"OggS", "an Ogg media file"),
        (b"\x1a\x45\xdf\xa3", "a Matroska or WebM video"),
        (b"SQLite format 3\0", "an SQLite database"),
        (b"PAR1", "a Parquet file"),
        (b"AT&TFORM", "a DjVu document"),
        (b"%!PS", "a PostScript document"),
        (b"wOFF", "a web font"),
        (b"wOF2", "a web font"),
    ];
    if let Some((_, name)) = MAGIC.iter().find(|(magic, _)| head.starts_with(magic)) {
        return Some(name);
    }
    let at = |offset: usize, magic: &[u8]| head.get(offset..).is_some_and(|rest| rest.starts_with(magic));
    match () {
        () if at(4, b"ftyp") => Some("an MP4, MOV or HEIC file"),
        () if at(0, b"RIFF") && at(8, b"WEBP") => Some("a WebP image"),
        () if at(0, b"RIFF") => Some("a WAV or AVI file"),
        () if at(257, b"ustar") => Some("a tar archive"),
        () if at(0, b"BM") && at(6, b"\0\0\0\0") => Some("a BMP image"),
        () => None,
    }
}

/// Text has no zero bytes (unless it is UTF-16 or UTF-32) and hardly any other control characters.
fn looks_like_text(head: &[u8]) -> bool {
    if encoding_rs::Encoding::for_bom(head).is_some() || decode::utf_16_without_mark(head).is_some() {
        return true;
    }
    if head.contains(&0) {
        return false;
    }
    let controls =
        head.iter().filter(|&&byte| (byte < 9 || (14..32).contains(&byte)) && byte != 0x1b).count();
    controls * 50 <= head.len()
}

fn detect_text(bytes: &[u8], hints: &ExtractionHints) -> Format {
    let text = decode::decode(&bytes[..bytes.len().min(HEAD_BYTES)], None);
    let start = text.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
    if let Some(format) = by_markup(start) {
        return format;
    }
    let hinted = by_name(hints).or_else(|| by_declared_type(hints));
    if hinted == Some(Format::Eml) || (hinted.is_none() && is_mail(start)) {
        return Format::Eml;
    }
    if hinted.is_none() && start.starts_with(['{', '[']) && is_json(bytes) {
        return Format::Json;
    }
    hinted.unwrap_or(Format::PlainText)
}

fn by_markup(start: &str) -> Option<Format> {
    let lower = start.chars().take(HEAD_BYTES).collect::<String>().to_ascii_lowercase();
    if lower.starts_with("<!doctype html") || lower.starts_with("<html") {
        return Some(Format::Html);
    }
    if lower.starts_with("<?xml") {
        return Some(if lower.contains("<html") { Format::Html } else { Format::Xml });
    }
    (lower.starts_with("<!--") && lower.contains("<html")).then_some(Format::Html)
}

fn by_name(hints: &ExtractionHints) -> Option<Format> {
    let (_, extension) = hints.filename.as_deref()?.rsplit_once('.')?;
    match extension.to_ascii_lowercase().as_str() {
        "html" | "htm" | "xhtml" => Some(Format::Html),
        "md" | "markdown" | "mdown" | "mkd" => Some(Format::Markdown),
        "csv" => Some(Format::Csv),
        "tsv" | "tab" => Some(Format::Tsv),
        "json" | "jsonl" | "ndjson" | "geojson" => Some(Format::Json),
        "eml" | "mht" | "mhtml" => Some(Format::Eml),
        "xml" => Some(Format::Xml),
        "txt" | "text" | "log" | "rst" | "adoc" | "tex" => Some(Format::PlainText),
        _ => None,
    }
}

fn by_declared_type(hints: &ExtractionHints) -> Option<Format> {
    let declared = hints.declared_media_type.as_deref()?.split(';').next()?.trim().to_ascii_lowercase();
    match declared.as_str() {
        "text/html" | "application/xhtml+xml" => Some(Format::Html),
        "text/markdown" | "text/x-markdown" => Some(Format::Markdown),
        "text/csv" | "application/csv" => Some(Format::Csv),
        "text/tab-separated-values" => Some(Format::Tsv),
        "application/json" | "application/x-ndjson" | "application/jsonl" | "text/json" => Some(Format::Json),
        "message/rfc822" | "multipart/related" => Some(Format::Eml),
        "application/xml" | "text/xml" => Some(Format::Xml),
        other if other.ends_with("+json") => Some(Format::Json),
        _ => None,
    }
}

/// A mail begins with header lines, at least two of which are typical.
fn is_mail(start: &str) -> bool {
    const TYPICAL: [&str; 10] = [
        "from",
        "to",
        "subject",
        "date",
        "received",
        "return-path",
        "message-id",
        "mime-version",
        "delivered-to",
        "content-type",
    ];
    let mut typical = 0;
    for line in start.lines().take(60) {
        if line.is_empty() {
            break;
        }
        if line.starts_with([' ', '\t']) || line.starts_with("From ") {
            continue;
        }
        match line.split_once(':') {
            Some((name, _))
                if !name.is_empty()
                    && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_') =>
            {
                typical += usize::from(TYPICAL.contains(&name.to_ascii_lowercase().as_str()));
            }
            _ => return false,
        }
    }
    typical >= 3
}

fn is_json(bytes: &[u8]) -> bool {
    serde_json::from_slice::<serde::de::IgnoredAny>(bytes).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> ExtractionHints {
        ExtractionHints { filename: Some(name.to_owned()), declared_media_type: None }
    }

    #[test]
    fn content_decides_before_the_name() {
        assert_eq!(detect(b"%PDF-1.7\n1 0 obj", &named("notes.txt")), Ok(Format::Pdf));
        assert_eq!(detect(b"{\\rtf1 hello}", &named("a.docx")), Ok(Format::Rtf));
        assert_eq!(detect(b"<!DOCTYPE html><p>x", &named("a.txt")), Ok(Format::Html));
        assert_eq!(detect(b"plain words", &named("a.pdf")), Ok(Format::PlainText));
    }

    #[test]
    fn the_name_chooses_between_text_formats() {
        assert_eq!(detect(b"a,b\n1,2", &named("A.CSV")), Ok(Format::Csv));
        assert_eq!(detect(b"# Title", &named("readme.md")), Ok(Format::Markdown));
        assert_eq!(detect(b"{\"a\": 1}", &named("data")), Ok(Format::Json));
        assert_eq!(detect(b"From: a@b\nTo: c@d\nSubject: x\n\nbody", &named("data")), Ok(Format::Eml));
    }

    #[test]
    fn binaries_are_refused_by_name() {
        for (bytes, name) in [
            (&b"\x89PNG\r\n\x1a\n\0\0"[..], "PNG"),
            (b"\0\0\0\x18ftypmp42", "MP4"),
            (b"\x7fELF\x02\x01", "ELF"),
        ] {
            let Err(ExtractionError::UnsupportedMediaType(reason)) = detect(bytes, &named("a.pdf")) else {
                panic!("{name} was not refused");
            };
            assert!(reason.contains(name) && reason.contains("supported are"), "{reason}");
        }
        assert!(detect(b"\x01\x02\x03\0\x05abc\0", &ExtractionHints::default()).is_err());
    }
}
