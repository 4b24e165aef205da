//! Small malformed ZIP documents: parts that are missing or broken, headers that lie.

use millrace_extraction::samples;

use crate::bombs::{RawEntry, RawZip};

const TYPES: (&str, &[u8]) = ("[Content_Types].xml", b"<Types/>");
pub(super) const BODY: &[u8] =
    b"<w:document><w:body><w:p><w:r><w:t>few words</w:t></w:r></w:p></w:body></w:document>";

fn zip(entries: &[(&str, &[u8])]) -> RawZip {
    entries.iter().fold(RawZip::default(), |zip, (name, content)| zip.file(name, content))
}

pub(super) fn docx(body: &[u8]) -> Vec<u8> {
    zip(&[TYPES, ("word/document.xml", body)]).bytes(None)
}

pub(super) fn utf_16(text: &str) -> Vec<u8> {
    [0xff, 0xfe].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect()
}

pub(super) fn documents() -> Vec<(&'static str, Vec<u8>)> {
    let honest = || RawEntry::deflated("word/document.xml", BODY);
    let with = |entry: RawEntry| zip(&[TYPES]).with(entry).bytes(None);
    let plain = docx(BODY);
    let end = plain.len() - 22;
    let directory = plain.windows(4).position(|window| window == b"PK\x01\x02").unwrap_or(end);
    let pointing_at_itself =
        b"<Relationships><Relationship Id=\"a\" Type=\"x/officeDocument\" Target=\"word/document.xml\"/></Relationships>";
    let notes = b"<Relationships><Relationship Id=\"a\" Type=\"x/footnotes\" Target=\"document.xml\"/>\
        <Relationship Id=\"b\" Type=\"x/comments\" Target=\"document.xml\"/></Relationships>";
    let styles = b"<w:styles><w:style w:styleId=\"a\"><w:basedOn w:val=\"b\"/></w:style>\
        <w:style w:styleId=\"b\"><w:basedOn w:val=\"a\"/></w:style></w:styles>";
    let of_styles =
        b"<Relationships><Relationship Id=\"a\" Type=\"x/styles\" Target=\"styles.xml\"/></Relationships>";
    let styled = b"<w:document><w:body><w:p><w:pPr><w:pStyle w:val=\"a\"/></w:pPr><w:t>few words</w:t></w:p></w:body></w:document>";
    vec![
        ("no-body.docx", zip(&[TYPES, ("word/styles.xml", b"<x/>")]).bytes(None)),
        ("body-of-zero-bytes.docx", docx(b"")),
        ("body-in-utf-16.docx", docx(&utf_16(std::str::from_utf8(BODY).unwrap_or_default()))),
        ("body-of-garbage.docx", docx(&[0xfe; 300])),
        ("body-ends-inside.docx", docx(&BODY[..60])),
        (
            "body-closes-too-often.docx",
            docx(b"</w:p></w:body><w:body><w:p><w:t>few words</w:t></w:p></w:body></w:tbl></w:tc>"),
        ),
        (
            "body-with-bad-references.docx",
            docx(b"<w:body><w:p><w:t>few &#xd800;&#0;&#x110000;&nope; words</w:t></w:p></w:body>"),
        ),
        (
            "notes-that-are-the-body.docx",
            zip(&[
                TYPES,
                ("word/document.xml", BODY),
                ("word/_rels/document.xml.rels", notes),
                ("_rels/.rels", pointing_at_itself),
            ])
            .bytes(None),
        ),
        (
            "styles-based-on-each-other.docx",
            zip(&[
                TYPES,
                ("word/document.xml", styled),
                ("word/styles.xml", styles),
                ("word/_rels/document.xml.rels", of_styles),
            ])
            .bytes(None),
        ),
        ("wrong-checksum.docx", with(RawEntry { crc: 1, ..honest() })),
        ("encrypted-part.docx", with(RawEntry { flags: 1, ..honest() })),
        ("unknown-method.docx", with(RawEntry { method: 99, ..honest() })),
        ("stored-by-name-deflated-by-content.docx", with(RawEntry { method: 0, ..honest() })),
        ("packed-size-beyond-the-file.docx", with(RawEntry { packed_bytes: 0x7fff_ffff, ..honest() })),
        ("packed-size-zero.docx", with(RawEntry { packed_bytes: 0, ..honest() })),
        ("unpacked-size-too-small.docx", with(RawEntry { unpacked_bytes: 3, ..honest() })),
        ("unpacked-size-too-large.docx", with(RawEntry { unpacked_bytes: 1 << 30, ..honest() })),
        (
            "the-same-name-twice.docx",
            zip(&[TYPES])
                .with(honest())
                .with(RawEntry::deflated("word/document.xml", b"<w:body/>"))
                .bytes(None),
        ),
        (
            "names-that-differ-in-case.docx",
            zip(&[TYPES, ("WORD/DOCUMENT.XML", BODY), ("word\\document.xml", b"<x/>")]).bytes(None),
        ),
        (
            "names-that-climb.docx",
            zip(&[TYPES, ("word/document.xml", BODY), ("../../escaped", b"x"), ("/etc/escaped", b"x")])
                .bytes(None),
        ),
        (
            "entry-that-overlaps.docx",
            zip(&[TYPES])
                .with(honest())
                .with(RawEntry {
                    name: "word/other.xml".to_owned(),
                    header_of: Some(1),
                    data: Vec::new(),
                    ..honest()
                })
                .bytes(None),
        ),
        ("no-entries.docx", RawZip::default().bytes(None)),
        ("claims-more-entries.docx", zip(&[TYPES, ("word/document.xml", BODY)]).bytes(Some(9_999))),
        ("cut-before-directory.docx", plain[..directory].to_vec()),
        ("cut-in-directory.docx", plain[..directory + 30].to_vec()),
        ("cut-before-end-record.docx", plain[..end].to_vec()),
        ("cut-in-end-record.docx", plain[..end + 11].to_vec()),
        ("directory-beyond-the-file.docx", {
            let mut bytes = plain.clone();
            let at = bytes.len() - 6;
            bytes[at..at + 4].fill(0xff);
            bytes
        }),
        ("comment-longer-than-the-file.docx", {
            let mut bytes = plain.clone();
            let at = bytes.len() - 2;
            bytes[at..].fill(0xff);
            bytes
        }),
        ("junk-in-front.docx", [b"PK\x03\x04junk", &plain[..]].concat()),
        ("is-a-pdf.docx", samples::pdf().bytes),
        ("is-text.docx", b"few words".to_vec()),
    ]
}

pub(super) fn presentations() -> Vec<(&'static str, Vec<u8>)> {
    let slides = b"<p:presentation><p:sldIdLst><p:sldId r:id=\"a\"/><p:sldId r:id=\"a\"/><p:sldId r:id=\"z\"/></p:sldIdLst></p:presentation>";
    let of_slides =
        b"<Relationships><Relationship Id=\"a\" Type=\"x/slide\" Target=\"s.xml\"/></Relationships>";
    let notes_of_itself =
        b"<Relationships><Relationship Id=\"n\" Type=\"x/notesSlide\" Target=\"s.xml\"/></Relationships>";
    let slide =
        b"<p:sld><p:sp><p:txBody><a:p><a:r><a:t>few words</a:t></a:r></a:p></p:txBody></p:sp></p:sld>";
    let show = |slide: &[u8]| {
        zip(&[
            ("ppt/presentation.xml", slides),
            ("ppt/_rels/presentation.xml.rels", of_slides),
            ("ppt/s.xml", slide),
            ("ppt/_rels/s.xml.rels", notes_of_itself),
        ])
        .bytes(None)
    };
    vec![
        ("slide-twice-with-notes-that-are-the-slide.pptx", show(slide)),
        ("slide-of-zero-bytes.pptx", show(b"")),
        ("slide-ends-inside.pptx", show(&slide[..40])),
        ("no-slides.pptx", zip(&[("ppt/presentation.xml", b"<p:presentation/>")]).bytes(None)),
        ("no-relationships.pptx", zip(&[("ppt/presentation.xml", slides), ("ppt/s.xml", slide)]).bytes(None)),
    ]
}

pub(super) fn workbooks() -> Vec<(&'static str, Vec<u8>)> {
    let workbook =
        b"<workbook><workbookPr date1904=\"1\"/><sheets><sheet name=\"n\" r:id=\"s\"/></sheets></workbook>";
    let parts = b"<Relationships><Relationship Id=\"s\" Type=\"x/worksheet\" Target=\"s.xml\"/>\
        <Relationship Id=\"t\" Type=\"x/sharedStrings\" Target=\"t.xml\"/><Relationship Id=\"y\" Type=\"x/styles\" Target=\"y.xml\"/></Relationships>";
    let styles = b"<styleSheet><numFmts><numFmt numFmtId=\"200\" formatCode=\"yyyy\\\"/></numFmts><cellXfs><xf numFmtId=\"14\"/><xf numFmtId=\"200\"/></cellXfs></styleSheet>";
    let with = |sheet: &str| {
        zip(&[
            ("xl/workbook.xml", workbook),
            ("xl/_rels/workbook.xml.rels", parts),
            ("xl/s.xml", sheet.as_bytes()),
            ("xl/t.xml", b"<sst><si><t>few words</t></si></sst>"),
            ("xl/y.xml", styles),
        ])
        .bytes(None)
    };
    let cells =
        |cells: &str| with(&format!("<worksheet><sheetData><row>{cells}</row></sheetData></worksheet>"));
    vec![
        (
            "strings-beyond-the-table.xlsx",
            cells(
                "<c t=\"s\"><v>1</v></c><c t=\"s\"><v>-1</v></c><c t=\"s\"><v>99999999999999999999</v></c><c t=\"s\"><v>0</v></c>",
            ),
        ),
        (
            "dates-at-the-edge.xlsx",
            cells(
                "<c s=\"0\"><v>0</v></c><c s=\"0\"><v>-1</v></c><c s=\"0\"><v>2958465.99999999</v></c><c s=\"0\"><v>2958466</v></c><c s=\"0\"><v>1e308</v></c><c s=\"0\"><v>NaN</v></c><c s=\"0\"><v>inf</v></c><c s=\"1\"><v>59.999999999</v></c>",
            ),
        ),
        ("styles-beyond-the-table.xlsx", cells("<c s=\"4294967295\"><v>1</v></c><c s=\"-1\"><v>2</v></c>")),
        (
            "cells-without-rows.xlsx",
            with("<worksheet><c><v>1</v></c><c t=\"inlineStr\"><is><t>few words</t></is></c></worksheet>"),
        ),
        ("sheet-of-zero-bytes.xlsx", with("")),
        (
            "no-workbook-relationships.xlsx",
            zip(&[("xl/workbook.xml", workbook), ("xl/s.xml", b"<worksheet/>")]).bytes(None),
        ),
        ("binary-workbook.xlsx", zip(&[("xl/workbook.bin", b"\x83\x01\0")]).bytes(None)),
    ]
}

pub(super) fn open_documents() -> Vec<(&'static str, Vec<u8>)> {
    const KIND: (&str, &[u8]) = ("mimetype", b"application/vnd.oasis.opendocument.text");
    let with = |content: &str| zip(&[KIND, ("content.xml", content.as_bytes())]).bytes(None);
    let body = |inside: &str| {
        with(&format!(
            "<office:document-content><office:body><office:text>{inside}</office:text></office:body></office:document-content>"
        ))
    };
    vec![
        (
            "spaces-by-the-billion.odt",
            body("<text:p>few<text:s text:c=\"4000000000\"/>words<text:s text:c=\"-1\"/></text:p>"),
        ),
        (
            "levels-beyond-six.odt",
            body(
                "<text:h text:outline-level=\"255\">few</text:h><text:h text:outline-level=\"0\">words</text:h>",
            ),
        ),
        (
            "closes-what-was-never-open.odt",
            body("</text:p></table:table></text:list></text:h><text:p>few words"),
        ),
        ("no-content.odt", zip(&[KIND]).bytes(None)),
        ("content-of-zero-bytes.odt", with("")),
        (
            "encrypted.odt",
            zip(&[
                KIND,
                ("META-INF/manifest.xml", b"<manifest:encryption-data/>"),
                ("content.xml", b"\x01\x02\x03"),
            ])
            .bytes(None),
        ),
        (
            "kind-of-an-unknown-format.odt",
            zip(&[("mimetype", b"application/x-unknown"), ("content.xml", b"<x/>")]).bytes(None),
        ),
    ]
}

pub(super) fn books() -> Vec<(&'static str, Vec<u8>)> {
    const KIND: (&str, &[u8]) = ("mimetype", b"application/epub+zip");
    const CONTAINER: (&str, &[u8]) =
        ("META-INF/container.xml", b"<container><rootfile full-path=\"p.opf\"/></container>");
    let book = |package: &str| {
        zip(&[
            KIND,
            CONTAINER,
            ("p.opf", package.as_bytes()),
            ("c.xhtml", b"<html><body><p>few words</p></body></html>"),
        ])
        .bytes(None)
    };
    let spine = |item: &str| {
        book(&format!("<package><manifest>{item}</manifest><spine><itemref idref=\"c\"/></spine></package>"))
    };
    vec![
        (
            "names-with-broken-escapes.epub",
            spine(
                "<item id=\"c\" href=\"%\"/><item id=\"c\" href=\"%f\"/><item id=\"c\" href=\"%zz%ff%00../c.xhtml\"/>",
            ),
        ),
        ("chapter-that-is-the-package.epub", spine("<item id=\"c\" href=\"p.opf\"/>")),
        ("chapter-outside.epub", spine("<item id=\"c\" href=\"../../../../c.xhtml\"/>")),
        ("spine-of-nothing.epub", book("<package><spine><itemref idref=\"x\"/></spine></package>")),
        (
            "container-that-names-nothing.epub",
            zip(&[KIND, ("META-INF/container.xml", b"<container/>")]).bytes(None),
        ),
        (
            "container-that-names-itself.epub",
            zip(&[
                KIND,
                (
                    "META-INF/container.xml",
                    b"<container><rootfile full-path=\"META-INF/container.xml\"/></container>",
                ),
            ])
            .bytes(None),
        ),
        (
            "under-rights-management.epub",
            zip(&[
                KIND,
                CONTAINER,
                (
                    "META-INF/encryption.xml",
                    b"<e><EncryptionMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#aes128-cbc\"/></e>",
                ),
            ])
            .bytes(None),
        ),
    ]
}
