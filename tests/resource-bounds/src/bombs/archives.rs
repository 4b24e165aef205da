//! ZIP containers that unpack to too much, lie about it, or hold too many entries; as documents and inside mails.

use super::{Bomb, RawEntry, RawZip, bomb};

/// Bytes of the kernel of a bomb: packs to a thousandth.
const KERNEL_BYTES: usize = 8 << 20;

pub(super) fn bombs() -> Vec<Bomb> {
    vec![
        bomb("one part that unpacks to a thousand times its size", "a.docx", one_part, &["too_large"]),
        bomb("many parts, each within bounds, all together not", "a.pptx", many_parts, &["too_large"]),
        bomb("one kernel that many entries share", "a.pptx", overlapping, &["too_large", "corrupt"]),
        bomb("headers that claim one byte", "a.docx", claims_one_byte, &["too_large", "corrupt"]),
        bomb("headers that claim four gigabytes", "a.docx", claims_gigabytes, &["text", "corrupt"]),
        bomb("twenty thousand entries", "a.docx", thousands_of_entries, &["text"]),
        bomb("an end record that claims sixty-five thousand", "a.docx", claims_entries, &["text", "corrupt"]),
        bomb("names that climb out of the folder", "a.docx", climbing_names, &["text"]),
        bomb("an archive in an archive in an archive", "a.docx", nested, &["unsupported_media_type"]),
        bomb(
            "one chapter, two thousand times",
            "a.epub",
            one_chapter_often,
            &["too_large", "too_many_pages"],
        ),
        bomb("one sheet, two thousand times", "a.xlsx", one_sheet_often, &["too_large", "too_many_pages"]),
        bomb("a shared string of blanks, often", "a.xlsx", blank_string, &["text"]),
        bomb("a shared string of a megabyte, often", "a.xlsx", long_string, &["too_large"]),
        bomb("an attached bomb", "a.eml", attached, &["too_large"]),
        bomb("sixty attached bombs within bounds", "a.eml", attached_often, &["text", "too_large"]),
    ]
}

fn body(words: &str) -> String {
    format!("<w:document><w:body><w:p><w:r><w:t>{words}</w:t></w:r></w:p></w:body></w:document>")
}

fn docx() -> RawZip {
    RawZip::default().file("[Content_Types].xml", b"<Types/>")
}

fn kernel() -> RawEntry {
    RawEntry::deflated("word/document.xml", body(&"0".repeat(KERNEL_BYTES)).as_bytes())
}

fn one_part() -> Vec<u8> {
    docx().with(kernel()).bytes(None)
}

const SLIDES: usize = 400;

/// A presentation whose slides are in order; `slide` makes each one's entry.
fn presentation(slide: impl Fn(usize) -> RawEntry) -> Vec<u8> {
    let (mut ids, mut relationships) = (String::new(), String::new());
    for number in 0..SLIDES {
        ids.push_str(&format!("<p:sldId r:id=\"r{number}\"/>"));
        relationships
            .push_str(&format!("<Relationship Id=\"r{number}\" Type=\"x/slide\" Target=\"s{number}.xml\"/>"));
    }
    let mut zip = RawZip::default()
        .file("ppt/presentation.xml", format!("<p:presentation>{ids}</p:presentation>").as_bytes())
        .file(
            "ppt/_rels/presentation.xml.rels",
            format!("<Relationships>{relationships}</Relationships>").as_bytes(),
        );
    for number in 0..SLIDES {
        zip = zip.with(slide(number));
    }
    zip.bytes(None)
}

fn slide_kernel() -> RawEntry {
    let blanks = " ".repeat(1 << 20);
    RawEntry::deflated("", format!("<p:sld><a:t>word{blanks}</a:t></p:sld>").as_bytes())
}

fn many_parts() -> Vec<u8> {
    let kernel = slide_kernel();
    presentation(|number| RawEntry { name: format!("ppt/s{number}.xml"), ..kernel.clone() })
}

/// Source of the idea: Fifield, "A better zip bomb", 2019.
fn overlapping() -> Vec<u8> {
    let kernel = slide_kernel();
    presentation(|number| {
        let name = format!("ppt/s{number}.xml");
        match number {
            0 => RawEntry { name, ..kernel.clone() },
            _ => RawEntry { name, header_of: Some(2), data: Vec::new(), ..kernel.clone() },
        }
    })
}

fn claims_one_byte() -> Vec<u8> {
    docx().with(RawEntry { unpacked_bytes: 1, ..kernel() }).bytes(None)
}

fn claims_gigabytes() -> Vec<u8> {
    let honest = RawEntry::deflated("word/document.xml", body("few words").as_bytes());
    docx().with(RawEntry { unpacked_bytes: u32::MAX - 1, ..honest }).bytes(None)
}

fn thousands_of_entries() -> Vec<u8> {
    let mut zip = docx().file("word/document.xml", body("few words").as_bytes());
    let empty = RawEntry { method: 0, data: Vec::new(), packed_bytes: 0, ..RawEntry::deflated("", b"") };
    for number in 0..20_000 {
        zip = zip.with(RawEntry { name: format!("word/media/{number}"), ..empty.clone() });
    }
    zip.bytes(None)
}

fn claims_entries() -> Vec<u8> {
    docx().file("word/document.xml", body("few words").as_bytes()).bytes(Some(65_000))
}

fn climbing_names() -> Vec<u8> {
    docx()
        .file("word/document.xml", body("few words").as_bytes())
        .file("../../../../tmp/millrace-was-here", b"outside")
        .file("/tmp/millrace-was-here", b"outside")
        .file("..\\..\\millrace-was-here", b"outside")
        .file("word/../../../x", b"outside")
        .bytes(None)
}

fn nested() -> Vec<u8> {
    (0..5).fold(one_part(), |inner, _| RawZip::default().file("inner.zip", &inner).bytes(None))
}

fn one_chapter_often() -> Vec<u8> {
    let spine = "<itemref idref=\"c\"/>".repeat(2_000);
    let package = format!(
        "<package><manifest><item id=\"c\" href=\"c.xhtml\"/></manifest><spine>{spine}</spine></package>"
    );
    let chapter = format!("<html><body>word{}</body></html>", " ".repeat(1 << 20));
    RawZip::default()
        .file("mimetype", b"application/epub+zip")
        .file("META-INF/container.xml", b"<container><rootfile full-path=\"p.opf\"/></container>")
        .file("p.opf", package.as_bytes())
        .file("c.xhtml", chapter.as_bytes())
        .bytes(None)
}

fn workbook(sheets: usize, strings: &str, rows: &str) -> Vec<u8> {
    let sheets = "<sheet name=\"s\" r:id=\"s\"/>".repeat(sheets);
    RawZip::default()
        .file("xl/workbook.xml", format!("<workbook><sheets>{sheets}</sheets></workbook>").as_bytes())
        .file(
            "xl/_rels/workbook.xml.rels",
            b"<Relationships><Relationship Id=\"s\" Type=\"x/worksheet\" Target=\"s.xml\"/>\
              <Relationship Id=\"t\" Type=\"x/sharedStrings\" Target=\"t.xml\"/></Relationships>",
        )
        .file("xl/s.xml", format!("<worksheet><row>{rows}</row></worksheet>").as_bytes())
        .file("xl/t.xml", format!("<sst><si><t>{strings}</t></si></sst>").as_bytes())
        .bytes(None)
}

fn one_sheet_often() -> Vec<u8> {
    workbook(2_000, "word", &format!("<c t=\"s\"><v>0</v></c>{}", " ".repeat(1 << 20)))
}

/// Looking through the blanks for each cell would be 90 GB of looking.
fn blank_string() -> Vec<u8> {
    let cells = "<c t=\"s\"><v>0</v></c>".repeat(60_000);
    workbook(1, &format!("{}word", " ".repeat(1_500_000)), &cells)
}

fn long_string() -> Vec<u8> {
    workbook(1, &"word ".repeat(200_000), &"<c t=\"s\"><v>0</v></c>".repeat(60_000))
}

fn mail(attachments: &[Vec<u8>]) -> Vec<u8> {
    let mut mail = b"From: a@b\r\nTo: c@d\r\nSubject: bombs\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n"
        .to_vec();
    for attachment in attachments {
        mail.extend(b"--x\r\nContent-Type: application/octet-stream\r\nContent-Disposition: attachment; filename=\"a.docx\"\r\n");
        mail.extend(b"Content-Transfer-Encoding: base64\r\n\r\n");
        mail.extend(base64(attachment));
        mail.extend(b"\r\n");
    }
    mail.extend(b"--x--\r\n");
    mail
}

fn base64(bytes: &[u8]) -> Vec<u8> {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = Vec::new();
    for three in bytes.chunks(3) {
        let bits =
            three.iter().fold(0_u32, |bits, byte| (bits << 8) | u32::from(*byte)) << (8 * (3 - three.len()));
        let letters = (0..4).map(|at| LETTERS[(bits >> (18 - 6 * at)) as usize & 63]);
        text.extend(letters.take(three.len() + 1).chain(std::iter::repeat_n(b'=', 3 - three.len())));
    }
    text
}

fn attached() -> Vec<u8> {
    mail(&[one_part()])
}

/// Each unpacks to the three megabytes that any document may.
fn attached_often() -> Vec<u8> {
    let words = format!("word{}", " ".repeat(3 << 20));
    let one = docx().file("word/document.xml", body(&words).as_bytes()).bytes(None);
    mail(&vec![one; 60])
}
