//! Cursors: where the next page begins, as a text that clients hand back unread. A cursor is checked, not trusted.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use millrace_application::DeadLetterPosition;
use millrace_domain::{CollectionName, DocumentId, Generation, Timestamp};

use crate::problem::{Problem, ProblemCode};

/// The cursor behind a document in a list.
pub(crate) fn after_document(id: DocumentId) -> String {
    URL_SAFE_NO_PAD.encode(id.to_string())
}

/// The document that a list's cursor stands behind.
pub(crate) fn document_of(cursor: &str) -> Result<DocumentId, Problem> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| invalid())?;
    std::str::from_utf8(&bytes).ok().and_then(|text| text.parse().ok()).ok_or_else(invalid)
}

/// The cursor behind a collection in a list.
pub(crate) fn after_collection(name: &CollectionName) -> String {
    URL_SAFE_NO_PAD.encode(name.as_str())
}

/// The collection that a list's cursor stands behind.
pub(crate) fn collection_of(cursor: &str) -> Result<CollectionName, Problem> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| invalid())?;
    let name = std::str::from_utf8(&bytes).ok().and_then(|text| text.parse().ok());
    name.ok_or_else(invalid)
}

/// The cursor at a chunk of one generation.
pub(crate) fn at_chunk(generation: Generation, index: u32) -> String {
    URL_SAFE_NO_PAD.encode(format!("{generation}.{index}"))
}

/// The generation and chunk that a cursor stands at.
pub(crate) fn chunk_of(cursor: &str) -> Result<(Generation, u32), Problem> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| invalid())?;
    let parse = || {
        let (generation, index) = std::str::from_utf8(&bytes).ok()?.split_once('.')?;
        Some((Generation::new(generation.parse().ok()?), index.parse().ok()?))
    };
    parse().ok_or_else(invalid)
}

/// The cursor behind a dead letter.
pub(crate) fn after_letter(letter: &DeadLetterPosition) -> String {
    let DeadLetterPosition { sent_at, queue, message_id } = letter;
    URL_SAFE_NO_PAD.encode(format!("{}.{queue}.{message_id}", sent_at.as_millis()))
}

/// The dead letter that a cursor stands behind.
pub(crate) fn letter_of(cursor: &str) -> Result<DeadLetterPosition, Problem> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| invalid())?;
    let parse = || {
        let (sent_at, rest) = std::str::from_utf8(&bytes).ok()?.split_once('.')?;
        let (queue, message_id) = rest.split_once('.')?;
        let (sent_at, queue) = (Timestamp::from_millis(sent_at.parse().ok()?), queue.parse().ok()?);
        Some(DeadLetterPosition { sent_at, queue, message_id: message_id.to_owned() })
    };
    parse().ok_or_else(invalid)
}

fn invalid() -> Problem {
    Problem::new(
        ProblemCode::InvalidCursor,
        "not a cursor of this list: give next_cursor of the page before, unchanged",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_read_back_and_forgeries_are_refused() {
        let id = DocumentId::new(uuid::Uuid::from_u128(42));
        assert_eq!(document_of(&after_document(id)).unwrap(), id);
        assert_eq!(chunk_of(&at_chunk(Generation::new(3), 200)).unwrap(), (Generation::new(3), 200));
        let letter = DeadLetterPosition {
            sent_at: Timestamp::from_millis(1_700_000_000_000),
            queue: millrace_domain::QueueName::Embed,
            message_id: "a.7".into(),
        };
        assert_eq!(letter_of(&after_letter(&letter)).unwrap(), letter);
        let name = CollectionName::new("papers_2024").unwrap();
        assert_eq!(collection_of(&after_collection(&name)).unwrap(), name);
        for bad in ["", "!", "AAAA", &after_document(id)[1..]] {
            assert_eq!(document_of(bad).unwrap_err().code(), ProblemCode::InvalidCursor, "{bad}");
            assert!(chunk_of(bad).is_err());
            assert!(letter_of(bad).is_err());
        }
    }
}
