//! Which paragraph styles of a DOCX are headings, and of which level. It deliberately reads nothing
//! else of the styles.

use std::collections::HashMap;

use millrace_ports::ExtractionError;

use crate::archive::Archive;
use crate::relationships::Relationships;
use crate::xml::{Element, Node, walk};

/// Styles inherit along at most this many steps.
const INHERITANCE_DEPTH_MAX: usize = 16;

#[derive(Debug, Default)]
struct Style {
    name: String,
    based_on: Option<String>,
    outline_level: Option<u8>,
}

#[derive(Debug, Default)]
pub(crate) struct HeadingStyles {
    styles: HashMap<String, Style>,
}

impl HeadingStyles {
    pub(crate) fn read(
        archive: &mut Archive<'_>,
        relationships: &Relationships,
    ) -> Result<Self, ExtractionError> {
        let mut found = Self::default();
        let Some(part) = relationships.of_kind("styles").into_iter().find(|part| archive.contains(part))
        else {
            return Ok(found);
        };
        let mut open: Option<(String, Style)> = None;
        walk(archive.open_entry(&part)?, &part, &mut |node| {
            match node {
                Node::Start(element) if element.name() == "style" => {
                    open = element.attribute("styleId").map(|id| (id, Style::default()));
                }
                Node::Start(element) => {
                    if let Some((_, style)) = &mut open {
                        note(style, element);
                    }
                }
                Node::End("style") => found.styles.extend(open.take()),
                Node::End(_) | Node::Text(_) => {}
            }
            Ok(())
        })?;
        Ok(found)
    }

    /// The heading level of a style, by its own or an inherited name or outline level.
    pub(crate) fn level(&self, style_id: &str) -> Option<u8> {
        let mut id = style_id;
        for _ in 0..INHERITANCE_DEPTH_MAX {
            let Some(style) = self.styles.get(id) else { return level_by_name(id) };
            if let Some(level) = style.outline_level {
                return (level < 9).then_some(level + 1);
            }
            if let Some(level) = level_by_name(&style.name) {
                return Some(level);
            }
            id = style.based_on.as_deref()?;
        }
        None
    }
}

fn note(style: &mut Style, element: &Element<'_>) {
    let Some(value) = element.attribute("val") else { return };
    match element.name() {
        "name" => style.name = value,
        "basedOn" => style.based_on = Some(value),
        "outlineLvl" => style.outline_level = value.parse().ok(),
        _ => {}
    }
}

/// Built-in styles keep their English names in every language of the program.
fn level_by_name(name: &str) -> Option<u8> {
    let name = name.to_ascii_lowercase().replace(' ', "");
    if name == "title" {
        return Some(1);
    }
    name.strip_prefix("heading")?.parse().ok().filter(|level| (1..=9).contains(level))
}
