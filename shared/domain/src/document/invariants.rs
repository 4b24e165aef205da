//! What must hold in every state of a document. Unit tests, the simulation and a production metric call this.

use super::{Document, Status};

/// A broken invariant: its id and what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Violation {
    /// For example `DOC-3`.
    pub id: &'static str,
    /// What should hold.
    pub rule: &'static str,
}

/// All invariants that a state breaks; empty for a sound one.
pub fn check_document(document: &Document) -> Vec<Violation> {
    let published = document.published;
    let ready = document.status == Status::Ready;
    let chunks = document.plan.map_or(0, |plan| plan.chunks);
    let rules = [
        ("DOC-1", "no more chunks are embedded than there are", document.embedded_chunks <= chunks),
        (
            "DOC-2",
            "a ready document publishes its current generation, words and vectors",
            !ready || published.is_some_and(|p| p.generation == document.generation && p.vectors),
        ),
        ("DOC-3", "indexed chunk count equals chunked count", !ready || document.embedded_chunks == chunks),
        ("DOC-4", "a deleted document publishes nothing", !document.status.is_gone() || published.is_none()),
        (
            "DOC-5",
            "what is published is not owed a purge and not of the future",
            published.is_none_or(|p| {
                p.generation <= document.generation
                    && document.residue.iter().all(|residue| residue.generation != p.generation)
            }),
        ),
        (
            "DOC-6",
            "only a stopped or processing document is without its current vectors",
            !matches!(document.status, Status::Failed | Status::Cancelled)
                || published.is_none_or(|p| p.vectors && p.generation < document.generation),
        ),
    ];
    rules.into_iter().filter(|(_, _, holds)| !holds).map(|(id, rule, _)| Violation { id, rule }).collect()
}
