//! How the terms of a chunk are written to its durable row, so that opening an index need not analyse texts again.
//!
//! Version of the analysis (1 byte), length (4), number of terms that occur once (4), those terms (5 each), then the
//! terms that occur more often (5 and 1 for the count); little-endian, each group ascending.

use millrace_words::{ANALYSIS_VERSION, ChunkTerms, TERM_BITS, Term};

const TERM_BYTES: usize = TERM_BITS as usize / 8;
const HEADER_BYTES: usize = 9;

/// The bytes of a chunk's terms.
pub(super) fn encode(chunk: &ChunkTerms) -> Vec<u8> {
    let once = chunk.terms.iter().filter(|(_, count)| *count == 1).count();
    let mut bytes = Vec::with_capacity(HEADER_BYTES + chunk.terms.len() * (TERM_BYTES + 1) - once);
    bytes.push(ANALYSIS_VERSION);
    bytes.extend(chunk.length.to_le_bytes());
    bytes.extend(u32::try_from(once).unwrap_or(u32::MAX).to_le_bytes());
    for (term, _) in chunk.terms.iter().filter(|(_, count)| *count == 1) {
        bytes.extend(&term.0.to_le_bytes()[..TERM_BYTES]);
    }
    for (term, count) in chunk.terms.iter().filter(|(_, count)| *count != 1) {
        bytes.extend(&term.0.to_le_bytes()[..TERM_BYTES]);
        bytes.push(*count);
    }
    bytes
}

/// What was written.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Decoded {
    /// The terms, in no particular order.
    Terms(ChunkTerms),
    /// Another version's terms; the text has to be analysed again.
    OtherVersion,
    /// Nothing that `encode` has written.
    Corrupt,
}

/// Reads the bytes of a chunk's terms.
pub(super) fn decode(bytes: &[u8]) -> Decoded {
    match bytes.first() {
        Some(&ANALYSIS_VERSION) => decode_current(&bytes[1..]).map_or(Decoded::Corrupt, Decoded::Terms),
        Some(_) => Decoded::OtherVersion,
        None => Decoded::Corrupt,
    }
}

fn decode_current(bytes: &[u8]) -> Option<ChunkTerms> {
    let (length, bytes) = bytes.split_first_chunk::<4>()?;
    let (once, bytes) = bytes.split_first_chunk::<4>()?;
    let once = (u32::from_le_bytes(*once) as usize).checked_mul(TERM_BYTES)?;
    let (once, often) = bytes.split_at_checked(once)?;
    let (once, _) = once.as_chunks::<TERM_BYTES>();
    let (often, []) = often.as_chunks::<{ TERM_BYTES + 1 }>() else { return None };
    let mut terms = Vec::with_capacity(once.len() + often.len());
    terms.extend(once.iter().map(|&[a, b, c, d, e]| (term([a, b, c, d, e]), 1)));
    terms.extend(often.iter().map(|&[a, b, c, d, e, count]| (term([a, b, c, d, e]), count)));
    Some(ChunkTerms { length: u32::from_le_bytes(*length), terms })
}

fn term([a, b, c, d, e]: [u8; TERM_BYTES]) -> Term {
    Term(u64::from_le_bytes([a, b, c, d, e, 0, 0, 0]))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn reads_what_it_wrote(
            length in any::<u32>(),
            terms in proptest::collection::btree_map(0..1_u64 << TERM_BITS, 1..=255_u8, 0..200),
        ) {
            let chunk = ChunkTerms { length, terms: terms.into_iter().map(|(term, n)| (Term(term), n)).collect() };
            let Decoded::Terms(mut read) = decode(&encode(&chunk)) else { panic!("not read") };
            read.terms.sort_unstable();
            prop_assert_eq!(read, chunk);
        }

        #[test]
        fn damaged_bytes_are_not_read_as_terms_or_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            decode(&bytes);
            bytes.insert(0, ANALYSIS_VERSION);
            decode(&bytes);
        }
    }

    #[test]
    fn another_version_is_analysed_again() {
        assert_eq!(decode(&[ANALYSIS_VERSION + 1, 7]), Decoded::OtherVersion);
        assert_eq!(decode(&[]), Decoded::Corrupt);
        assert_eq!(decode(&[ANALYSIS_VERSION, 0, 0, 0, 0, 9, 0, 0, 0, 1]), Decoded::Corrupt);
    }
}
