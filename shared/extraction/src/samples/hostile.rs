//! Samples that must be refused, and quickly.

use super::package::pack;
use super::{HostileSample, docx};

fn hostile(filename: &'static str, bytes: Vec<u8>, error_kind: &'static str) -> HostileSample {
    HostileSample { filename, bytes, error_kind }
}

/// Zero bytes.
#[must_use]
pub fn empty() -> HostileSample {
    hostile("empty.pdf", Vec::new(), "empty")
}

/// White space only.
#[must_use]
pub fn blank_text() -> HostileSample {
    hostile("blank.txt", b" \r\n\t\n".to_vec(), "empty")
}

/// A PNG image under the name of a PDF.
#[must_use]
pub fn png_named_pdf() -> HostileSample {
    hostile(
        "picture.pdf",
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\0\0\0\0".to_vec(),
        "unsupported_media_type",
    )
}

/// A DOCX cut in half.
#[must_use]
pub fn truncated_docx() -> HostileSample {
    let mut bytes = docx().bytes;
    bytes.truncate(bytes.len() / 2);
    hostile("cut.docx", bytes, "corrupt")
}

/// The start of an Office document under a password: an OLE file that holds an encrypted package.
#[must_use]
pub fn encrypted_office_document() -> HostileSample {
    let mut bytes = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".to_vec();
    bytes.resize(1024, 0);
    bytes.extend("EncryptedPackage".encode_utf16().flat_map(u16::to_le_bytes));
    bytes.resize(2048, 0);
    hostile("locked.docx", bytes, "encrypted")
}

/// A DOCX whose body unpacks to a thousand times its size.
#[must_use]
pub fn zip_bomb() -> HostileSample {
    const TEXT_BYTES: usize = 32 << 20;
    let document = format!(
        "<w:document><w:body><w:p><w:r><w:t>{}</w:t></w:r></w:p></w:body></w:document>",
        "0".repeat(TEXT_BYTES)
    );
    let bytes = pack(&[("[Content_Types].xml", b"<Types/>"), ("word/document.xml", document.as_bytes())]);
    hostile("bomb.docx", bytes, "too_large")
}

/// A DOCX whose body expands entities within entities.
#[must_use]
pub fn billion_laughs() -> HostileSample {
    let mut declarations = String::from("<!ENTITY a0 \"ha\">");
    for level in 1..10 {
        let inner = format!("&a{};", level - 1).repeat(10);
        declarations.push_str(&format!("<!ENTITY a{level} \"{inner}\">"));
    }
    let document = format!(
        "<?xml version=\"1.0\"?><!DOCTYPE w [{declarations}]><w:document><w:body><w:p><w:r><w:t>&a9;</w:t></w:r></w:p></w:body></w:document>"
    );
    let bytes = pack(&[("[Content_Types].xml", b"<Types/>"), ("word/document.xml", document.as_bytes())]);
    hostile("laughs.docx", bytes, "corrupt")
}

/// RTF with a million groups inside one another.
#[must_use]
pub fn deeply_nested_rtf() -> HostileSample {
    const DEPTH: usize = 1_000_000;
    hostile(
        "deep.rtf",
        format!("{{\\rtf1 {}x{}}}", "{".repeat(DEPTH), "}".repeat(DEPTH)).into_bytes(),
        "corrupt",
    )
}

/// A ZIP archive that is no document.
#[must_use]
pub fn unknown_archive() -> HostileSample {
    hostile("photos.zip", pack(&[("holiday/one.jpg", b"\xff\xd8\xff")]), "unsupported_media_type")
}
