//! The key of a vector: `document:generation:chunk`. Made from ids alone, so that a purge can name what it deletes.

use std::fmt;
use std::str::FromStr;

use millrace_domain::{ChunkIndex, DocumentId, Generation};

/// Names one vector in the index of its collection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct VectorKey {
    pub(crate) document_id: DocumentId,
    pub(crate) generation: Generation,
    pub(crate) chunk: ChunkIndex,
}

impl VectorKey {
    /// What all chunks of the generation have in common: `document:generation`.
    pub(crate) fn entry(&self) -> String {
        format!("{}:{}", self.document_id, self.generation)
    }
}

impl fmt::Display for VectorKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.document_id, self.generation, self.chunk)
    }
}

/// A text that no `VectorKey` is written as.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the key of a vector: expected document:generation:chunk")]
pub(crate) struct NotAVectorKey;

impl FromStr for VectorKey {
    type Err = NotAVectorKey;

    fn from_str(text: &str) -> Result<Self, NotAVectorKey> {
        let mut parts = text.split(':');
        let mut part = || parts.next().ok_or(NotAVectorKey);
        let key = Self {
            document_id: part()?.parse().map_err(|_| NotAVectorKey)?,
            generation: Generation::new(part()?.parse().map_err(|_| NotAVectorKey)?),
            chunk: ChunkIndex::new(part()?.parse().map_err(|_| NotAVectorKey)?),
        };
        // One spelling only: no sign, no zeros in front, nothing behind.
        if key.to_string() == text { Ok(key) } else { Err(NotAVectorKey) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    proptest! {
        #[test]
        fn a_key_reads_back_what_it_wrote(id in any::<u128>(), generation in any::<u32>(), chunk in any::<u32>()) {
            let key = VectorKey {
                document_id: DocumentId::new(Uuid::from_u128(id)),
                generation: Generation::new(generation),
                chunk: ChunkIndex::new(chunk),
            };
            prop_assert_eq!(key.to_string().parse(), Ok(key));
            prop_assert!(key.to_string().starts_with(&key.entry()));
        }
    }

    #[test]
    fn other_texts_are_no_keys() {
        let id = "01890a5d-ac96-774b-bcce-b302099a8057";
        assert!(format!("{id}:1:0").parse::<VectorKey>().is_ok());
        for bad in [
            "",
            "a:1:2",
            &format!("{id}:1"),
            &format!("{id}:1:2:3"),
            &format!("{id}:01:2"),
            &format!("{id}:+1:2"),
        ] {
            assert_eq!(bad.parse::<VectorKey>(), Err(NotAVectorKey), "{bad}");
        }
    }
}
