//! XML, HTML, JSON and RTF that nest, repeat, or never close.

use super::{Bomb, RawZip, bomb};

const DEPTH: usize = 300_000;

pub(super) fn bombs() -> Vec<Bomb> {
    vec![
        bomb("a billion laughs", "a.xml", laughs, &["corrupt"]),
        bomb("an entity of a megabyte, often", "a.xml", quadratic_entities, &["corrupt"]),
        bomb("a billion laughs in a document", "a.docx", laughs_in_docx, &["corrupt"]),
        bomb("an entity that reads a file", "a.xml", external_entity, &["corrupt"]),
        bomb("XML nested deeply", "a.xml", deep_xml, &["text"]),
        bomb("a document nested deeply", "a.docx", deep_docx, &["text"]),
        bomb("an attribute of ten megabytes", "a.xml", long_attribute, &["text"]),
        bomb("a hundred thousand attributes", "a.docx", many_attributes, &["text"]),
        bomb("XML that ends inside a tag", "a.xml", endless_tag, &["corrupt"]),
        bomb("HTML nested deeply", "a.html", deep_html, &["text"]),
        bomb("HTML lists and tables nested deeply", "a.html", deep_lists, &["text"]),
        bomb("HTML whose quotes never close", "a.html", open_quotes, &["text"]),
        bomb("HTML of comments that never close", "a.html", open_comments, &["empty", "text"]),
        bomb("HTML of raw text that never closes", "a.html", open_raw_text, &["empty", "text"]),
        bomb("HTML of nothing but headings", "a.html", only_headings, &["text"]),
        bomb("HTML of nothing but less-than signs", "a.html", only_less_than, &["text"]),
        bomb("HTML of nothing but references", "a.html", only_references, &["text"]),
        bomb("HTML of hidden parts inside one another", "a.html", hidden_parts, &["text", "empty"]),
        bomb("JSON nested deeply", "a.json", deep_json, &["text"]),
        bomb("JSON lists of objects nested deeply", "a.json", deep_objects, &["text"]),
        bomb("JSON with a key of ten megabytes over many values", "a.json", long_key, &["text"]),
        bomb("JSON lines, all of them broken at the end", "a.jsonl", broken_at_the_end, &["text"]),
        bomb("RTF groups nested deeply", "a.rtf", deep_rtf, &["corrupt"]),
        bomb("RTF with binary data beyond its end", "a.rtf", endless_binary, &["corrupt"]),
        bomb("RTF pages behind a long blank", "a.rtf", pages_behind_a_blank, &["too_many_pages"]),
        bomb("RTF that skips endlessly many characters", "a.rtf", endless_fallback, &["text", "corrupt"]),
    ]
}

fn entities() -> String {
    let mut declarations = String::from("<!ENTITY a0 \"ha\">");
    for level in 1..10 {
        declarations.push_str(&format!("<!ENTITY a{level} \"{}\">", format!("&a{};", level - 1).repeat(10)));
    }
    format!("<?xml version=\"1.0\"?><!DOCTYPE w [{declarations}]>")
}

fn laughs() -> Vec<u8> {
    format!("{}<w>&a9;</w>", entities()).into_bytes()
}

fn quadratic_entities() -> Vec<u8> {
    let entity = "x".repeat(1 << 20);
    format!("<?xml version=\"1.0\"?><!DOCTYPE w [<!ENTITY a \"{entity}\">]><w>{}</w>", "&a;".repeat(1 << 20))
        .into_bytes()
}

fn docx(document: &str) -> Vec<u8> {
    RawZip::default()
        .file("[Content_Types].xml", b"<Types/>")
        .file("word/document.xml", document.as_bytes())
        // Keeps the expansion within bounds, so that the markup is what is judged.
        .with(super::RawEntry {
            method: 0,
            ..super::RawEntry::deflated("word/media/ballast", &noise(128 << 10))
        })
        .bytes(None)
}

/// Bytes that do not pack.
fn noise(length: usize) -> Vec<u8> {
    let mut random = crate::Random::new(1, 1);
    (0..length).map(|_| random.below(256) as u8).collect()
}

fn laughs_in_docx() -> Vec<u8> {
    docx(&format!("{}<w:document><w:body><w:p><w:t>&a9;</w:t></w:p></w:body></w:document>", entities()))
}

fn external_entity() -> Vec<u8> {
    b"<?xml version=\"1.0\"?><!DOCTYPE w [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><w>&x;</w>".to_vec()
}

fn nested(open: &str, inside: &str, close: &str, depth: usize) -> String {
    format!("{}{inside}{}", open.repeat(depth), close.repeat(depth))
}

fn deep_xml() -> Vec<u8> {
    format!("<?xml version=\"1.0\"?>{}", nested("<a>", "word", "</a>", DEPTH)).into_bytes()
}

fn deep_docx() -> Vec<u8> {
    docx(&format!(
        "<w:document><w:body>{}</w:body></w:document>",
        nested(
            "<w:tbl><w:tr><w:tc>",
            "<w:p><w:r><w:t>word</w:t></w:r></w:p>",
            "</w:tc></w:tr></w:tbl>",
            50_000
        )
    ))
}

fn long_attribute() -> Vec<u8> {
    format!("<?xml version=\"1.0\"?><a b=\"{}\">word</a>", "x".repeat(10 << 20)).into_bytes()
}

fn many_attributes() -> Vec<u8> {
    let attributes: String = (0..100_000).map(|number| format!(" a{number}=\"\"")).collect();
    docx(&format!(
        "<w:document><w:body><w:p{attributes}><w:pStyle{attributes}/><w:t>word</w:t></w:p></w:body></w:document>"
    ))
}

fn endless_tag() -> Vec<u8> {
    format!("<?xml version=\"1.0\"?><a>word</a><b {}", "c='d' ".repeat(500_000)).into_bytes()
}

fn deep_html() -> Vec<u8> {
    nested("<div>", "word", "</div>", DEPTH).into_bytes()
}

fn deep_lists() -> Vec<u8> {
    nested("<ul><li><table><tr><td>", "word", "</td></tr></table></li></ul>", DEPTH / 4).into_bytes()
}

/// Looking for the end of each tag up to the end would be 400 GB of looking.
fn open_quotes() -> Vec<u8> {
    format!("<p>word</p>{}", "<a b='>'".repeat(300_000)).into_bytes()
}

fn open_comments() -> Vec<u8> {
    format!("<p>word</p>{}", "<!-- ".repeat(2 << 20)).into_bytes()
}

fn open_raw_text() -> Vec<u8> {
    format!("<p>word</p>{}", "<textarea></title><script></style>".repeat(200_000)).into_bytes()
}

fn only_headings() -> Vec<u8> {
    "<h1>a".repeat(400_000).into_bytes()
}

fn only_less_than() -> Vec<u8> {
    "<".repeat(1 << 20).into_bytes()
}

fn only_references() -> Vec<u8> {
    format!("<p>{}", "&amp;&notanentity;&#".repeat(400_000)).into_bytes()
}

fn hidden_parts() -> Vec<u8> {
    nested("<div hidden><nav style='display:none'>", "word", "</nav></div>", 100_000).into_bytes()
}

fn deep_json() -> Vec<u8> {
    nested("[", "1", "]", DEPTH).into_bytes()
}

fn deep_objects() -> Vec<u8> {
    nested("[{\"a\":", "1", "}]", DEPTH).into_bytes()
}

fn long_key() -> Vec<u8> {
    format!("{{\"{}\": [{}1]}}", "k".repeat(10 << 20), "1,".repeat(20_000)).into_bytes()
}

fn broken_at_the_end() -> Vec<u8> {
    format!("{}{{\"a\":", "{\"a\":1}\n".repeat(100_000)).into_bytes()
}

fn deep_rtf() -> Vec<u8> {
    format!("{{\\rtf1 {}", nested("{", "word", "}", DEPTH)).into_bytes()
}

fn endless_binary() -> Vec<u8> {
    b"{\\rtf1 word \\bin2147483647 x}".to_vec()
}

/// Looking through the blank for each page would be 20 GB of looking.
fn pages_behind_a_blank() -> Vec<u8> {
    format!("{{\\rtf1 word{}{}}}", " ".repeat(10 << 20), "\\page ".repeat(100_000)).into_bytes()
}

fn endless_fallback() -> Vec<u8> {
    format!("{{\\rtf1 word \\uc2147483647 {} x}}", "\\u8212 ?".repeat(500_000)).into_bytes()
}
