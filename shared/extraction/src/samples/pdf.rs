//! PDF samples, written object by object. Deliberately only what a parser needs: one font, plain content
//! streams.

use pdf_oxide::editor::{DocumentEditor, EncryptionConfig, SaveOptions};

use super::{HostileSample, Sample};

const PAGES: [&[(u32, &str)]; 2] = [
    &[
        (24, "Annual Report"),
        (11, "The harbour master counted forty vessels before noon."),
        (11, "Each of them carried timber and salt, and some carried letters."),
    ],
    &[
        (18, "Outlook"),
        (11, "Next year the harbour will be dredged to nine metres."),
        (11, "Parentheses \\(like these\\) and backslashes survive."),
    ],
];

/// A text PDF of two pages whose headings are set larger than its body.
#[must_use]
pub fn pdf() -> Sample {
    Sample {
        filename: "report.pdf",
        bytes: text_pdf(),
        media_type: "application/pdf",
        phrases: vec![
            "Annual Report",
            "forty vessels before noon",
            "Outlook",
            "dredged to nine metres",
            "(like these)",
        ],
        pages: 2,
        headings: vec!["Annual Report", "Outlook"],
    }
}

/// The same, encrypted under an owner password only: everybody may read it.
#[must_use]
pub fn pdf_with_owner_password() -> Sample {
    Sample { filename: "restricted.pdf", bytes: encrypt("", "owner"), ..pdf() }
}

/// A PDF under the name of a text file.
#[must_use]
pub fn pdf_named_txt() -> Sample {
    Sample { filename: "notes.txt", ..pdf() }
}

/// A PDF that needs a user password.
#[must_use]
pub fn encrypted_pdf() -> HostileSample {
    HostileSample { filename: "secret.pdf", bytes: encrypt("user", "owner"), error_kind: "encrypted" }
}

/// A PDF cut in half.
#[must_use]
pub fn truncated_pdf() -> HostileSample {
    let mut bytes = text_pdf();
    bytes.truncate(bytes.len() / 2);
    HostileSample { filename: "cut.pdf", bytes, error_kind: "corrupt" }
}

/// A PDF whose one page is an image.
#[must_use]
pub fn scanned_pdf() -> HostileSample {
    let content = "q 200 0 0 200 50 50 cm /Im0 Do Q";
    let image = "<< /Type /XObject /Subtype /Image /Width 2 /Height 2 /ColorSpace /DeviceGray /BitsPerComponent 8 /Length 4 >>\n\
                 stream\nabcd\nendstream";
    let bytes = write_objects(&[
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 300] /Contents 4 0 R /Resources << /XObject << /Im0 5 0 R >> >> >>".to_owned(),
        stream(content),
        image.to_owned(),
    ]);
    HostileSample { filename: "scan.pdf", bytes, error_kind: "empty" }
}

/// A PDF of so many pages, each with one line.
#[must_use]
pub fn pdf_of_pages(count: usize) -> Vec<u8> {
    let lines: Vec<String> =
        (1..=count).map(|number| format!("This is page number {number} of the long report.")).collect();
    let pages: Vec<Vec<(u32, &str)>> = lines.iter().map(|line| vec![(11, line.as_str())]).collect();
    pdf_with_pages(&pages.iter().map(Vec::as_slice).collect::<Vec<_>>())
}

fn text_pdf() -> Vec<u8> {
    pdf_with_pages(&PAGES)
}

fn pdf_with_pages(pages: &[&[(u32, &str)]]) -> Vec<u8> {
    let kids: Vec<String> = (0..pages.len()).map(|index| format!("{} 0 R", 4 + index * 2)).collect();
    let mut objects = vec![
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        format!("<< /Type /Pages /Kids [{}] /Count {} >>", kids.join(" "), pages.len()),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>".to_owned(),
    ];
    for (index, lines) in pages.iter().enumerate() {
        objects.push(format!(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {} 0 R /Resources << /Font << /F1 3 0 R >> >> >>",
            5 + index * 2
        ));
        let mut content = String::new();
        for (row, (size, line)) in lines.iter().enumerate() {
            content.push_str(&format!("BT /F1 {size} Tf 72 {} Td ({line}) Tj ET\n", 720 - row * 40));
        }
        objects.push(stream(&content));
    }
    write_objects(&objects)
}

fn stream(content: &str) -> String {
    format!("<< /Length {} >>\nstream\n{content}\nendstream", content.len())
}

fn write_objects(objects: &[String]) -> Vec<u8> {
    let mut bytes = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n".to_vec();
    let mut offsets = Vec::new();
    for (index, object) in objects.iter().enumerate() {
        offsets.push(bytes.len());
        bytes.extend_from_slice(format!("{} 0 obj\n{object}\nendobj\n", index + 1).as_bytes());
    }
    let table_offset = bytes.len();
    let entries: String = offsets.iter().map(|offset| format!("{offset:010} 00000 n \n")).collect();
    let count = objects.len() + 1;
    let tail = format!(
        "xref\n0 {count}\n0000000000 65535 f \n{entries}trailer\n<< /Size {count} /Root 1 0 R /ID [<0123456789abcdef0123456789abcdef> \
         <0123456789abcdef0123456789abcdef>] >>\nstartxref\n{table_offset}\n%%EOF\n"
    );
    bytes.extend_from_slice(tail.as_bytes());
    bytes
}

fn encrypt(user_password: &str, owner_password: &str) -> Vec<u8> {
    let mut editor = DocumentEditor::from_bytes(text_pdf()).expect("the sample is a valid PDF");
    let options = SaveOptions::with_encryption(EncryptionConfig::new(user_password, owner_password));
    editor.save_to_bytes_with_options(options).expect("the sample can be encrypted")
}
