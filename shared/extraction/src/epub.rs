//! EPUB to text: the chapters in reading order, one page each. It deliberately leaves out the
//! navigation document and everything that is not in the spine.

use std::collections::HashMap;

use millrace_ports::{ExtractedText, ExtractionError, ExtractionLimits};

use crate::archive::{Archive, resolve};
use crate::media_type::Format;
use crate::text_builder::TextBuilder;
use crate::xml::{Element, Node, walk};
use crate::{decode, html};

const CONTAINER: &str = "META-INF/container.xml";
const ENCRYPTION: &str = "META-INF/encryption.xml";
/// Font obfuscation is listed as encryption but hides no text.
const OBFUSCATION: [&str; 2] = ["http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC"];

pub(crate) fn extract(
    archive: &mut Archive<'_>,
    limits: &ExtractionLimits,
) -> Result<ExtractedText, ExtractionError> {
    refuse_encrypted(archive)?;
    let package_part = package_part(archive)?;
    let package = Package::read(archive, &package_part)?;
    let mut out = TextBuilder::new(limits);
    out.set_title(&package.title);
    for id in &package.spine {
        let Some(part) = package.items.get(id).filter(|part| archive.contains(part)) else { continue };
        let bytes = archive.read_entry(part)?;
        let chapter = decode::decode(&bytes, None);
        refuse_entities(&chapter, part)?;
        out.start_page()?;
        html::append(&chapter, &mut out)?;
    }
    // A chapter's `<title>` must not stand in for the book's.
    out.finish(Format::Epub.media_type(), "the book's chapters hold no text")
}

fn refuse_encrypted(archive: &mut Archive<'_>) -> Result<(), ExtractionError> {
    if !archive.contains(ENCRYPTION) {
        return Ok(());
    }
    let mut encrypted = false;
    walk(archive.open_entry(ENCRYPTION)?, ENCRYPTION, &mut |node| {
        if let Node::Start(element) = node
            && element.name() == "EncryptionMethod"
        {
            encrypted |= !element
                .attribute("Algorithm")
                .is_some_and(|algorithm| OBFUSCATION.contains(&algorithm.as_str()));
        }
        Ok(())
    })?;
    if encrypted {
        Err(ExtractionError::Encrypted("a book under digital rights management".to_owned()))
    } else {
        Ok(())
    }
}

/// Entities are never expanded; a chapter that declares some is hostile or broken.
fn refuse_entities(chapter: &str, part: &str) -> Result<(), ExtractionError> {
    let head_bytes = chapter.find("<html").unwrap_or(0);
    if chapter[..head_bytes].contains("<!ENTITY") {
        return Err(ExtractionError::Corrupt(format!(
            "{part} declares XML entities, which are not expanded"
        )));
    }
    Ok(())
}

fn package_part(archive: &mut Archive<'_>) -> Result<String, ExtractionError> {
    let mut found = None;
    walk(archive.open_entry(CONTAINER)?, CONTAINER, &mut |node| {
        if let Node::Start(element) = node
            && element.name() == "rootfile"
            && found.is_none()
        {
            found = element.attribute("full-path");
        }
        Ok(())
    })?;
    found.ok_or_else(|| ExtractionError::Corrupt("the book names no package document".to_owned()))
}

#[derive(Default)]
struct Package {
    title: String,
    items: HashMap<String, String>,
    spine: Vec<String>,
    in_title: bool,
}

impl Package {
    fn read(archive: &mut Archive<'_>, part: &str) -> Result<Self, ExtractionError> {
        let mut found = Self::default();
        walk(archive.open_entry(part)?, part, &mut |node| {
            match node {
                Node::Start(element) => found.start(element, part),
                Node::End(_) => found.in_title = false,
                Node::Text(text) if found.in_title => found.title.push_str(text),
                Node::Text(_) => {}
            }
            Ok(())
        })?;
        Ok(found)
    }

    fn start(&mut self, element: &Element<'_>, part: &str) {
        self.in_title = element.name() == "title" && self.title.is_empty();
        match element.name() {
            "item" => {
                let navigation = element
                    .attribute("properties")
                    .is_some_and(|all| all.split_whitespace().any(|one| one == "nav"));
                let markup = element
                    .attribute("media-type")
                    .is_none_or(|kind| kind.contains("html") || kind.contains("xml"));
                if let (Some(id), Some(target)) = (element.attribute("id"), element.attribute("href"))
                    && markup
                    && !navigation
                {
                    self.items.insert(id, resolve(part, &percent_decoded(&target)));
                }
            }
            "itemref" => self.spine.extend(element.attribute("idref")),
            _ => {}
        }
    }
}

fn percent_decoded(target: &str) -> String {
    let bytes = target.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escaped = bytes
            .get(at + 1..at + 3)
            .and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        match (bytes[at], escaped) {
            (b'%', Some(byte)) => {
                out.push(byte);
                at += 3;
            }
            (byte, _) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}
