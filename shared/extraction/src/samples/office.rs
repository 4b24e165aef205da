//! DOCX, PPTX, XLSX, ODT and EPUB samples: the fewest parts a program would open.

use super::Sample;
use super::package::pack;

const CONTENT_TYPES: &str = r#"<?xml version="1.0" encoding="UTF-8"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="xml" ContentType="application/xml"/></Types>"#;
const RELATIONSHIP: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";

fn relationships(entries: &[(&str, &str, &str)]) -> String {
    let each: String = entries
        .iter()
        .map(|(id, kind, target)| {
            format!(r#"<Relationship Id="{id}" Type="{RELATIONSHIP}/{kind}" Target="{target}"/>"#)
        })
        .collect();
    format!(
        r#"<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{each}</Relationships>"#
    )
}

/// A DOCX with headings, a table, a footnote, a page break, emoji and right-to-left text.
#[must_use]
pub fn docx() -> Sample {
    let document = r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?><w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>
<w:p><w:pPr><w:pStyle w:val="Ueberschrift1"/></w:pPr><w:r><w:t>Harvest plan</w:t></w:r></w:p>
<w:p><w:r><w:t xml:space="preserve">Barley goes to the </w:t></w:r><w:r><w:t>northern field &amp; oats to the southern.</w:t></w:r><w:del><w:r><w:delText>withdrawn words</w:delText></w:r></w:del></w:p>
<w:tbl><w:tr><w:tc><w:p><w:r><w:t>Crop</w:t></w:r></w:p></w:tc><w:tc><w:p><w:r><w:t>Tonnes</w:t></w:r></w:p></w:tc></w:tr>
<w:tr><w:tc><w:p><w:r><w:t>Barley</w:t></w:r></w:p></w:tc><w:tc><w:p><w:r><w:t>42</w:t></w:r></w:p></w:tc></w:tr></w:tbl>
<w:p><w:r><w:br w:type="page"/></w:r><w:r><w:lastRenderedPageBreak/><w:t>Second page: مرحبا بالعالم and 🌾 survive.</w:t></w:r></w:p>
<w:sectPr/></w:body></w:document>"#;
    let styles = r#"<w:styles xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:style w:type="paragraph" w:styleId="Ueberschrift1"><w:name w:val="heading 1"/></w:style></w:styles>"#;
    let notes = r#"<w:footnotes xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:footnote w:id="1"><w:p><w:r><w:t>Weighed after drying.</w:t></w:r></w:p></w:footnote></w:footnotes>"#;
    let package = relationships(&[("rId1", "officeDocument", "word/document.xml")]);
    let parts = relationships(&[("rId1", "styles", "styles.xml"), ("rId2", "footnotes", "footnotes.xml")]);
    Sample {
        filename: "plan.docx",
        bytes: pack(&[
            ("[Content_Types].xml", CONTENT_TYPES.as_bytes()),
            ("_rels/.rels", package.as_bytes()),
            ("word/document.xml", document.as_bytes()),
            ("word/_rels/document.xml.rels", parts.as_bytes()),
            ("word/styles.xml", styles.as_bytes()),
            ("word/footnotes.xml", notes.as_bytes()),
        ]),
        media_type: "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        phrases: vec![
            "Harvest plan\n\nBarley goes to the northern field & oats to the southern.",
            "Crop | Tonnes\nBarley | 42",
            "Second page: مرحبا بالعالم and 🌾 survive.",
            "Weighed after drying.",
        ],
        pages: 2,
        headings: vec!["Harvest plan"],
    }
}

/// A DOCX under the name of a PDF.
#[must_use]
pub fn docx_named_pdf() -> Sample {
    Sample { filename: "plan.pdf", ..docx() }
}

/// A PPTX of two slides, shown in another order than they are stored, with notes.
#[must_use]
pub fn pptx() -> Sample {
    const NAMESPACES: &str = r#"xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships""#;
    let slide = |title: &str, body: &str| {
        format!(
            r#"<p:sld {NAMESPACES}><p:cSld><p:spTree><p:sp><p:nvSpPr><p:nvPr><p:ph type="title"/></p:nvPr></p:nvSpPr><p:txBody><a:p><a:r><a:t>{title}</a:t></a:r></a:p></p:txBody></p:sp><p:sp><p:txBody><a:p><a:r><a:t>{body}</a:t></a:r></a:p></p:txBody></p:sp></p:spTree></p:cSld></p:sld>"#
        )
    };
    let presentation = format!(
        r#"<p:presentation {NAMESPACES}><p:sldIdLst><p:sldId id="256" r:id="rId2"/><p:sldId id="257" r:id="rId1"/></p:sldIdLst></p:presentation>"#
    );
    let notes = format!(
        r#"<p:notes {NAMESPACES}><p:cSld><p:spTree><p:sp><p:txBody><a:p><a:r><a:t>Say this slowly.</a:t></a:r></a:p></p:txBody></p:sp></p:spTree></p:cSld></p:notes>"#
    );
    let package = relationships(&[("rId1", "officeDocument", "ppt/presentation.xml")]);
    let slides =
        relationships(&[("rId1", "slide", "slides/slide1.xml"), ("rId2", "slide", "slides/slide2.xml")]);
    let slide_parts = relationships(&[("rId1", "notesSlide", "../notesSlides/notesSlide1.xml")]);
    Sample {
        filename: "talk.pptx",
        bytes: pack(&[
            ("[Content_Types].xml", CONTENT_TYPES.as_bytes()),
            ("_rels/.rels", package.as_bytes()),
            ("ppt/presentation.xml", presentation.as_bytes()),
            ("ppt/_rels/presentation.xml.rels", slides.as_bytes()),
            ("ppt/slides/slide1.xml", slide("Closing words", "Thank the lighthouse keepers.").as_bytes()),
            ("ppt/slides/slide2.xml", slide("Opening words", "Why lighthouses still matter.").as_bytes()),
            ("ppt/slides/_rels/slide2.xml.rels", slide_parts.as_bytes()),
            ("ppt/notesSlides/notesSlide1.xml", notes.as_bytes()),
        ]),
        media_type: "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        phrases: vec![
            "Opening words",
            "Why lighthouses still matter.",
            "Say this slowly.",
            "Closing words",
            "Thank the lighthouse keepers.",
        ],
        pages: 2,
        headings: vec!["Opening words", "Closing words"],
    }
}

/// An XLSX of two sheets with shared and inline strings, a number and a date.
#[must_use]
pub fn xlsx() -> Sample {
    const NAMESPACE: &str = r#"xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships""#;
    let workbook = format!(
        r#"<workbook {NAMESPACE}><sheets><sheet name="Stock" sheetId="1" r:id="rId1"/><sheet name="Suppliers" sheetId="2" r:id="rId2"/></sheets></workbook>"#
    );
    let strings = format!(
        r#"<sst {NAMESPACE}><si><t>Item</t></si><si><t>Arrived</t></si><si><r><t>Copper </t></r><r><t>wire</t></r></si></sst>"#
    );
    let styles = format!(
        r#"<styleSheet {NAMESPACE}><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs></styleSheet>"#
    );
    let stock = format!(
        r#"<worksheet {NAMESPACE}><sheetData><row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>1</v></c></row><row r="2"><c r="A2" t="s"><v>2</v></c><c r="B2" s="1"><v>45292</v></c><c r="C2"><f>1+1.5</f><v>2.5</v></c></row></sheetData></worksheet>"#
    );
    let suppliers = format!(
        r#"<worksheet {NAMESPACE}><sheetData><row r="1"><c r="A1" t="inlineStr"><is><t>Nordic Metals</t></is></c></row></sheetData></worksheet>"#
    );
    let package = relationships(&[("rId1", "officeDocument", "xl/workbook.xml")]);
    let parts = relationships(&[
        ("rId1", "worksheet", "worksheets/sheet1.xml"),
        ("rId2", "worksheet", "worksheets/sheet2.xml"),
        ("rId3", "sharedStrings", "sharedStrings.xml"),
        ("rId4", "styles", "styles.xml"),
    ]);
    Sample {
        filename: "stock.xlsx",
        bytes: pack(&[
            ("[Content_Types].xml", CONTENT_TYPES.as_bytes()),
            ("_rels/.rels", package.as_bytes()),
            ("xl/workbook.xml", workbook.as_bytes()),
            ("xl/_rels/workbook.xml.rels", parts.as_bytes()),
            ("xl/sharedStrings.xml", strings.as_bytes()),
            ("xl/styles.xml", styles.as_bytes()),
            ("xl/worksheets/sheet1.xml", stock.as_bytes()),
            ("xl/worksheets/sheet2.xml", suppliers.as_bytes()),
        ]),
        media_type: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        phrases: vec![
            "Stock\n\nItem | Arrived\nCopper wire | 2024-01-01 | 2.5",
            "Suppliers\n\nNordic Metals",
        ],
        pages: 2,
        headings: vec!["Stock", "Suppliers"],
    }
}

/// An ODT with a heading and a paragraph.
#[must_use]
pub fn odt() -> Sample {
    let content = r#"<office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"><office:body><office:text><text:h text:outline-level="2">Beekeeping</text:h><text:p>The hives<text:s text:c="2"/>face <text:span>south-east</text:span>.</text:p></office:text></office:body></office:document-content>"#;
    Sample {
        filename: "bees.odt",
        bytes: pack(&[
            ("mimetype", b"application/vnd.oasis.opendocument.text"),
            ("content.xml", content.as_bytes()),
        ]),
        media_type: "application/vnd.oasis.opendocument.text",
        phrases: vec!["Beekeeping\n\nThe hives", "face south-east."],
        pages: 0,
        headings: vec!["Beekeeping"],
    }
}

/// An EPUB of two chapters.
#[must_use]
pub fn epub() -> Sample {
    let container = r#"<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles><rootfile full-path="OEBPS/content.opf"/></rootfiles></container>"#;
    let package = r#"<package xmlns="http://www.idpf.org/2007/opf" xmlns:dc="http://purl.org/dc/elements/1.1/"><metadata><dc:title>The Tin Island</dc:title></metadata><manifest><item id="one" href="chapter%201.xhtml" media-type="application/xhtml+xml"/><item id="two" href="two.xhtml" media-type="application/xhtml+xml"/></manifest><spine><itemref idref="one"/><itemref idref="two"/></spine></package>"#;
    let chapter = |heading: &str, words: &str| {
        format!(
            r#"<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><head><title>{heading}</title></head><body><h1>{heading}</h1><p>{words}</p></body></html>"#
        )
    };
    Sample {
        filename: "island.epub",
        bytes: pack(&[
            ("mimetype", b"application/epub+zip"),
            ("META-INF/container.xml", container.as_bytes()),
            ("OEBPS/content.opf", package.as_bytes()),
            ("OEBPS/chapter 1.xhtml", chapter("Landfall", "We saw the cliffs at dawn.").as_bytes()),
            ("OEBPS/two.xhtml", chapter("Inland", "The mine had been shut for years&#8230;").as_bytes()),
        ]),
        media_type: "application/epub+zip",
        phrases: vec![
            "Landfall\n\nWe saw the cliffs at dawn.",
            "Inland\n\nThe mine had been shut for years…",
        ],
        pages: 2,
        headings: vec!["Landfall", "Inland"],
    }
}
