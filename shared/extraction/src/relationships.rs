//! The relationship parts of Office Open XML packages: which id of a part points to which other part.
//! It deliberately drops external targets.

use std::collections::HashMap;

use millrace_ports::ExtractionError;

use crate::archive::{Archive, resolve};
use crate::xml::{Node, walk};

#[derive(Debug, Default)]
pub(crate) struct Relationships {
    by_id: HashMap<String, String>,
    /// Kind (the last segment of the relationship's type) and target, in document order.
    in_order: Vec<(String, String)>,
}

impl Relationships {
    /// Reads what `part` points to; nothing if it has no relationships.
    pub(crate) fn of(archive: &mut Archive<'_>, part: &str) -> Result<Self, ExtractionError> {
        let (folder, name) = part.rsplit_once('/').unwrap_or(("", part));
        let path = if folder.is_empty() {
            format!("_rels/{name}.rels")
        } else {
            format!("{folder}/_rels/{name}.rels")
        };
        let mut found = Self::default();
        if !archive.contains(&path) {
            return Ok(found);
        }
        walk(archive.open_entry(&path)?, &path, &mut |node| {
            if let Node::Start(element) = node
                && element.name() == "Relationship"
                && element.attribute("TargetMode").as_deref() != Some("External")
                && let (Some(id), Some(target)) = (element.attribute("Id"), element.attribute("Target"))
            {
                let target = resolve(part, &target);
                let kind = element.attribute("Type").unwrap_or_default();
                found.in_order.push((kind.rsplit('/').next().unwrap_or_default().to_owned(), target.clone()));
                found.by_id.insert(id, target);
            }
            Ok(())
        })?;
        Ok(found)
    }

    pub(crate) fn target(&self, id: &str) -> Option<&str> {
        self.by_id.get(id).map(String::as_str)
    }

    /// Targets of one kind, in document order.
    pub(crate) fn of_kind(&self, kind: &str) -> Vec<String> {
        self.in_order.iter().filter(|(found, _)| found == kind).map(|(_, target)| target.clone()).collect()
    }
}

/// The title in `docProps/core.xml`, if there is one.
pub(crate) fn core_title(archive: &mut Archive<'_>) -> Result<Option<String>, ExtractionError> {
    const PART: &str = "docProps/core.xml";
    if !archive.contains(PART) {
        return Ok(None);
    }
    let (mut inside, mut title) = (false, String::new());
    walk(archive.open_entry(PART)?, PART, &mut |node| {
        match node {
            Node::Start(element) => inside = element.name() == "title",
            Node::End(_) => inside = false,
            Node::Text(text) if inside => title.push_str(text),
            Node::Text(_) => {}
        }
        Ok(())
    })?;
    Ok((!title.trim().is_empty()).then_some(title))
}
