//! The contents that clients upload: made from numbers, so that whoever sees a passage can say of which content it is and
//! whether it is whole. Some cannot be ingested, each in its own way.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use millrace_domain::ContentHash;
use sha2::{Digest as _, Sha256};

use crate::chance::Chance;

/// A word that is in every passage of every content.
pub(crate) const COMMON_WORD: &str = "millstone";

/// What becomes of a content in the parser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Nature {
    /// It has text.
    Sound,
    /// It breaks the rules of its format.
    Corrupt,
    /// It holds white space only.
    Blank,
    /// The parser cannot be started for it, ever.
    Exhausting,
    /// The parser panics.
    Explosive,
}

/// A content.
#[derive(Debug, Clone)]
pub(crate) struct Content {
    pub(crate) nature: Nature,
    pub(crate) text: String,
}

impl Content {
    /// The content of a number; the same number is the same content.
    pub(crate) fn of(seed: u64, number: u64) -> Self {
        let mut chance = Chance::of(&[seed, 20, number]);
        let nature = match chance.below(100) {
            0..84 => Nature::Sound,
            84..90 => Nature::Corrupt,
            90..92 => Nature::Blank,
            92..97 => Nature::Exhausting,
            _ => Nature::Explosive,
        };
        let words = chance.within(6, 110);
        let mut text = String::new();
        for at in 0..words {
            match (nature, at % 4) {
                (Nature::Blank, _) => text.push('\n'),
                (_, 0) => text.push_str(COMMON_WORD),
                (_, 1) => text.push_str(&marker(number)),
                _ => text.push_str(&format!("w{}", at + 100 * number)),
            }
            text.push(' ');
        }
        let text = match nature {
            Nature::Sound | Nature::Blank => text,
            Nature::Corrupt => format!("%corrupt {text}"),
            Nature::Exhausting => format!("%exhausting {text}"),
            Nature::Explosive => format!("%explosive {text}"),
        };
        Self { nature, text }
    }

    /// What the parser will find out.
    pub(crate) fn nature_of(text: &str) -> Nature {
        match text.split_whitespace().next() {
            None => Nature::Blank,
            Some("%corrupt") => Nature::Corrupt,
            Some("%exhausting") => Nature::Exhausting,
            Some("%explosive") => Nature::Explosive,
            Some(_) => Nature::Sound,
        }
    }

    /// Another content of as many bytes.
    pub(crate) fn of_same_length(&self) -> Self {
        let text = self.text.replace(COMMON_WORD, "stonemill");
        Self { nature: self.nature, text: if text == self.text { " ".repeat(text.len()) } else { text } }
    }

    pub(crate) fn bytes(&self) -> Bytes {
        Bytes::copy_from_slice(self.text.as_bytes())
    }

    pub(crate) fn hash(&self) -> ContentHash {
        ContentHash::from_digest(Sha256::digest(&self.text).into())
    }
}

/// A word that is in every passage of one content and of no other.
pub(crate) fn marker(number: u64) -> String {
    format!("marker{number}mark")
}

/// Contents by their hashes, as far as a run has used them.
#[derive(Debug, Default)]
pub(crate) struct Contents(Mutex<BTreeMap<String, Content>>);

impl Contents {
    /// Remembers a content.
    pub(crate) fn remember(&self, content: &Content) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(content.hash().as_str().to_owned(), content.clone());
    }

    /// The content with this hash.
    pub(crate) fn find(&self, hash: &ContentHash) -> Option<Content> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(hash.as_str()).cloned()
    }
}
