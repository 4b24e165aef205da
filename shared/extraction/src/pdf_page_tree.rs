//! Whether a PDF's page tree can be given to the library, which follows it down every way there is: one whose nodes hold each
//! other has more ways than anybody can go, in a file of a few hundred bytes. It deliberately counts no pages and reads none.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use millrace_ports::ExtractionError;
use pdf_oxide::PdfDocument;
use pdf_oxide::object::{Object, ObjectRef};

/// How deep the library follows a tree.
const DEPTH_MAX: usize = 50;
/// How often a node may be met again. Broken files have a node in itself or a page twice, and are read all the same.
const REPEATS_MAX: usize = 1_000;

/// Refuses a tree whose nodes are met again and again. Of more than `nodes_max` nodes the rest is not looked at.
pub(crate) fn refuse_endless_tree(document: &PdfDocument, nodes_max: usize) -> Result<(), ExtractionError> {
    let Some(root) =
        document.catalog().ok().and_then(|catalog| catalog.as_dict()?.get("Pages")?.as_reference())
    else {
        return Ok(());
    };
    let mut known: HashMap<ObjectRef, Rc<[ObjectRef]>> = HashMap::new();
    let mut met = HashSet::from([root]);
    let mut repeats = 0;
    let mut ahead = vec![(root, 1)];
    while let Some((node, depth)) = ahead.pop() {
        let kids = Rc::clone(known.entry(node).or_insert_with(|| kids_of(document, node)));
        for &kid in kids.iter() {
            repeats += usize::from(!met.insert(kid));
            if repeats > REPEATS_MAX {
                return Err(ExtractionError::Corrupt(format!(
                    "the page tree holds the same nodes more than {REPEATS_MAX} times"
                )));
            }
            if met.len() > nodes_max {
                return Ok(());
            }
            if depth < DEPTH_MAX {
                ahead.push((kid, depth + 1));
            }
        }
    }
    Ok(())
}

/// The nodes directly below one; none below a page, or what cannot be loaded.
fn kids_of(document: &PdfDocument, node: ObjectRef) -> Rc<[ObjectRef]> {
    let Ok(loaded) = document.load_object(node) else { return Rc::default() };
    let kids = loaded.as_dict().and_then(|node| node.get("Kids")?.as_array());
    kids.map(|kids| kids.iter().filter_map(Object::as_reference).collect()).unwrap_or_default()
}
