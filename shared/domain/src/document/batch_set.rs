//! Which embedding batches of a generation are done, as a bit set.
//! Small in JSON (a hexadecimal text) because it is part of every snapshot and every read model row.

use serde::{Deserialize, Serialize};

use crate::BatchIndex;

/// A set of batch indices.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BatchSet {
    bytes: Vec<u8>,
}

impl BatchSet {
    /// Whether the batch is in the set.
    pub fn contains(&self, batch: BatchIndex) -> bool {
        let (byte, bit) = Self::place(batch);
        self.bytes.get(byte).is_some_and(|b| b & bit != 0)
    }

    /// Adds a batch; adding it again changes nothing.
    pub fn insert(&mut self, batch: BatchIndex) {
        let (byte, bit) = Self::place(batch);
        if self.bytes.len() <= byte {
            self.bytes.resize(byte + 1, 0);
        }
        self.bytes[byte] |= bit;
    }

    /// How many batches are in the set.
    pub fn len(&self) -> u32 {
        self.bytes.iter().map(|b| b.count_ones()).sum()
    }

    /// Whether no batch is in the set.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn place(batch: BatchIndex) -> (usize, u8) {
        (batch.get() as usize / 8, 1 << (batch.get() % 8))
    }
}

impl From<BatchSet> for String {
    fn from(set: BatchSet) -> String {
        hex::encode(set.bytes)
    }
}

impl TryFrom<String> for BatchSet {
    type Error = hex::FromHexError;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        Ok(Self { bytes: hex::decode(text)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_counts_once() {
        let mut set = BatchSet::default();
        for batch in [0, 9, 9, 31, 0] {
            set.insert(BatchIndex::new(batch));
        }
        assert_eq!(set.len(), 3);
        assert!(set.contains(BatchIndex::new(9)) && !set.contains(BatchIndex::new(10)));
        assert!(!set.contains(BatchIndex::new(4_000)));
        let text = serde_json::to_string(&set).unwrap();
        assert_eq!(serde_json::from_str::<BatchSet>(&text).unwrap(), set);
    }
}
