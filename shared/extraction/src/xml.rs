//! A thin layer over the XML reader that every XML-based format shares: local names, resolved characters,
//! and refusal of declared entities (nothing is ever expanded). It deliberately checks no schema and
//! keeps no tree, so depth costs nothing.

use std::borrow::Cow;
use std::io::BufRead;

use millrace_ports::ExtractionError;
use quick_xml::Reader;
use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};

use crate::archive::from_io_error;

/// What a parser hears of.
pub(crate) enum Node<'a> {
    /// An element begins; an empty one is followed by its `End` at once.
    Start(&'a Element<'a>),
    End(&'a str),
    Text(&'a str),
}

pub(crate) struct Element<'a> {
    start: &'a BytesStart<'a>,
    name: &'a str,
}

impl Element<'_> {
    /// The name without its prefix.
    pub(crate) fn name(&self) -> &str {
        self.name
    }

    /// The value of the attribute with this name, whatever its prefix.
    pub(crate) fn attribute(&self, name: &str) -> Option<String> {
        self.start
            .attributes()
            .with_checks(false)
            .flatten()
            .find(|attribute| local(attribute.key.0) == name)
            .map(|attribute| {
                attribute.normalized_value(XmlVersion::Implicit1_0).map(Cow::into_owned).unwrap_or_default()
            })
    }

    /// The value of the attribute with exactly this name, prefix included.
    pub(crate) fn attribute_exact(&self, name: &str) -> Option<String> {
        self.start.attributes().with_checks(false).flatten().find(|attribute| attribute.key.0 == name).map(
            |attribute| {
                attribute.normalized_value(XmlVersion::Implicit1_0).map(Cow::into_owned).unwrap_or_default()
            },
        )
    }

    /// A value such as `w:val="0"` read as a switch that is on unless it says otherwise.
    pub(crate) fn is_on(&self) -> bool {
        !matches!(self.attribute("val").as_deref(), Some("0" | "false" | "off" | "none"))
    }
}

fn local(name: &str) -> &str {
    name.rsplit_once(':').map_or(name, |(_, local)| local)
}

/// Reads a whole part, telling `visit` of every node; `part` names it in errors.
pub(crate) fn walk(
    source: impl BufRead,
    part: &str,
    visit: &mut dyn FnMut(Node<'_>) -> Result<(), ExtractionError>,
) -> Result<(), ExtractionError> {
    let mut reader = Reader::from_reader(source);
    reader.config_mut().check_end_names = false;
    reader.config_mut().allow_unmatched_ends = true;
    reader.config_mut().allow_dangling_amp = true;
    let mut buffer = Vec::new();
    let mut depth: u64 = 0;
    loop {
        buffer.clear();
        let event = reader.read_event_into(&mut buffer).map_err(|error| from_xml_error(&error, part))?;
        match event {
            Event::Start(start) => {
                depth += 1;
                visit_start(&start, visit)?;
            }
            Event::Empty(start) => {
                visit_start(&start, visit)?;
                visit(Node::End(local(start.name().0)))?;
            }
            Event::End(end) => {
                depth = depth.saturating_sub(1);
                visit(Node::End(local(end.name().0)))?;
            }
            Event::Text(text) => visit(Node::Text(&text.xml10_content()))?,
            Event::CData(text) => visit(Node::Text(&text.xml10_content()))?,
            Event::GeneralRef(reference) => {
                if let Some(text) = resolve_reference(&reference.xml10_content()) {
                    visit(Node::Text(&text))?;
                }
            }
            Event::DocType(doctype) if doctype.xml10_content().contains("<!ENTITY") => {
                return Err(ExtractionError::Corrupt(format!(
                    "{part} declares XML entities, which are not expanded"
                )));
            }
            Event::Eof => break,
            Event::DocType(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
        }
    }
    if depth > 0 {
        return Err(ExtractionError::Corrupt(format!("{part} ends inside an element")));
    }
    Ok(())
}

fn visit_start(
    start: &BytesStart<'_>,
    visit: &mut dyn FnMut(Node<'_>) -> Result<(), ExtractionError>,
) -> Result<(), ExtractionError> {
    let name = start.name();
    visit(Node::Start(&Element { start, name: local(name.0) }))
}

/// The text of a character or entity reference, given without `&` and `;`.
pub(crate) fn resolve_reference(name: &str) -> Option<Cow<'static, str>> {
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(digits) => u32::from_str_radix(digits, 16).ok()?,
            None => number.parse().ok()?,
        };
        return char::from_u32(code).map(|character| Cow::Owned(character.to_string()));
    }
    quick_xml::escape::resolve_html5_entity(name).map(Cow::Borrowed)
}

fn from_xml_error(error: &quick_xml::Error, part: &str) -> ExtractionError {
    match error {
        quick_xml::Error::Io(error) => from_io_error(error, part),
        other => ExtractionError::Corrupt(format!("{part} is not well-formed XML: {other}")),
    }
}
