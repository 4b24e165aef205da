//! The keys of the word records: `tenant#collection`, and in it the parts of each generation (`w`) and what remains known
//! of a generation when its parts are purged (`e`). Document ids begin with their time, so parts lie in the order in which
//! documents were uploaded.

use std::fmt::Write;

use millrace_domain::{CollectionName, DocumentId, Generation, TenantId};

/// The key of a part in its collection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct PartKey {
    pub(crate) document_id: DocumentId,
    pub(crate) generation: Generation,
    /// Which so many chunks of the generation.
    pub(crate) part: u32,
}

/// The key of what is known of a generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ExtentKey {
    pub(crate) document_id: DocumentId,
    pub(crate) generation: Generation,
}

/// What all parts begin with, or those of one document.
pub(crate) fn parts_prefix(document_id: Option<DocumentId>) -> String {
    prefix('w', document_id)
}

/// The parts of one generation.
pub(crate) fn generation_prefix(document_id: DocumentId, generation: Generation) -> String {
    format!("w:{document_id}:{:010}:", generation.get())
}

/// What the extents of a document begin with.
pub(crate) fn extents_prefix(document_id: DocumentId) -> String {
    prefix('e', Some(document_id))
}

fn prefix(kind: char, document_id: Option<DocumentId>) -> String {
    let mut prefix = format!("{kind}:");
    if let Some(document_id) = document_id {
        write!(prefix, "{document_id}:").expect("writing to a string cannot fail");
    }
    prefix
}

/// The partition of a collection, or of one of its spaces. Neither name can hold a `#`.
pub(crate) fn partition(tenant: &TenantId, collection: &CollectionName) -> String {
    format!("{tenant}#{collection}")
}

impl PartKey {
    pub(crate) fn to_text(self) -> String {
        format!("{}{:06}", generation_prefix(self.document_id, self.generation), self.part)
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut fields = text.strip_prefix("w:")?.split(':');
        let key = Self {
            document_id: fields.next()?.parse().ok()?,
            generation: Generation::new(fields.next()?.parse().ok()?),
            part: fields.next()?.parse().ok()?,
        };
        (key.to_text() == text).then_some(key)
    }
}

impl ExtentKey {
    pub(crate) fn to_text(self) -> String {
        format!("{}{:010}", extents_prefix(self.document_id), self.generation.get())
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (document, generation) = text.strip_prefix("e:")?.split_once(':')?;
        let generation = Generation::new(generation.parse().ok()?);
        let key = Self { document_id: document.parse().ok()?, generation };
        (key.to_text() == text).then_some(key)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn key((id, generation, part): (u128, u32, u32)) -> PartKey {
        let (document_id, generation) = (DocumentId::new(Uuid::from_u128(id)), Generation::new(generation));
        PartKey { document_id, generation, part }
    }

    proptest! {
        #[test]
        fn keys_read_back_what_they_wrote_and_keep_the_order(
            one in any::<(u128, u32, u32)>(),
            same_document in any::<bool>(),
            other in any::<(u128, u32, u32)>(),
        ) {
            // A part number beyond six digits would need a document of 64 million chunks.
            let small = |(id, generation, part): (u128, u32, u32)| key((id, generation, part % 1_000_000));
            let other = if same_document { (one.0, other.1, other.2) } else { other };
            let (one, other) = (small(one), small(other));
            prop_assert_eq!(PartKey::parse(&one.to_text()), Some(one));
            prop_assert_eq!(one.cmp(&other), one.to_text().cmp(&other.to_text()));
            prop_assert!(one.to_text().starts_with(&parts_prefix(Some(one.document_id))));
            prop_assert!(one.to_text().starts_with(&parts_prefix(None)));
            let extent = ExtentKey { document_id: one.document_id, generation: one.generation };
            prop_assert_eq!(ExtentKey::parse(&extent.to_text()), Some(extent));
            prop_assert!(extent.to_text().starts_with(&extents_prefix(one.document_id)));
            prop_assert_eq!(PartKey::parse(&extent.to_text()), None);
            prop_assert_eq!(ExtentKey::parse(&one.to_text()), None);
        }
    }
}
