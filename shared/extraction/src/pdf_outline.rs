//! Whether a PDF's outline can be given to the library, which follows it item by item without looking where it has been:
//! one that runs in a circle would cost the whole document. It deliberately reads no titles and no destinations.

use std::collections::HashSet;

use pdf_oxide::PdfDocument;
use pdf_oxide::object::{Object, ObjectRef};

/// Most items, and most levels of them.
pub(crate) const OUTLINE_ITEMS_MAX: usize = 10_000;
pub(crate) const OUTLINE_DEPTH_MAX: usize = 16;

/// Whether there is an outline, each of its items is met once, and there are not too many of them.
pub(crate) fn is_a_tree(document: &PdfDocument) -> bool {
    let outlines = document.catalog().ok().and_then(|catalog| reference(&catalog, "Outlines"));
    let first = outlines.and_then(|outlines| document.load_object(outlines).ok());
    let Some(first) = first.and_then(|outlines| reference(&outlines, "First")) else { return false };
    let mut met = HashSet::new();
    let mut ahead = vec![(first, 1)];
    while let Some((item, depth)) = ahead.pop() {
        if depth > OUTLINE_DEPTH_MAX || met.len() >= OUTLINE_ITEMS_MAX || !met.insert(item) {
            return false;
        }
        // What cannot be loaded ends the outline there; the library says so without harm.
        let Ok(loaded) = document.load_object(item) else { continue };
        if !leads_somewhere(document, &loaded) {
            return false;
        }
        ahead.extend(reference(&loaded, "Next").map(|next| (next, depth)));
        ahead.extend(reference(&loaded, "First").map(|child| (child, depth + 1)));
    }
    true
}

/// A destination may lie behind one reference; one that is a reference again may be one to itself.
fn leads_somewhere(document: &PdfDocument, item: &Object) -> bool {
    let action = reference(item, "A").and_then(|action| document.load_object(action).ok());
    let action = action.as_ref().or_else(|| item.as_dict()?.get("A"));
    let destinations = [reference(item, "Dest"), action.and_then(|action| reference(action, "D"))];
    destinations
        .into_iter()
        .flatten()
        .all(|destination| !matches!(document.load_object(destination), Ok(Object::Reference(_))))
}

fn reference(object: &Object, key: &str) -> Option<ObjectRef> {
    object.as_dict()?.get(key)?.as_reference()
}
