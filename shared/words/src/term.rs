//! A term as the index knows it: 40 bits of a hash of the stemmed word. The words themselves are not kept, so there
//! is no dictionary to share, to lock or to grow; what is stored depends on this hash, which therefore never changes.

/// Bits of a term.
pub const TERM_BITS: u32 = 40;

/// A stemmed word, as 40 bits of its hash in the low bits.
///
/// Two different words share a term with probability 2^-40: in a collection with a million different words one
/// query word in a million meets a stranger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Term(pub u64);

impl Term {
    /// The term of a stemmed word.
    ///
    /// FNV-1a with 64 bits (Fowler, Noll, Vo; offset basis and prime from their specification), its bits then mixed
    /// by the finaliser of MurmurHash3 (Appleby), because the upper bits of FNV-1a of short words are poor.
    pub fn of(word: &str) -> Self {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        for byte in word.bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
        hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
        Self((hash ^ (hash >> 33)) >> (u64::BITS - TERM_BITS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_term_is_stored_so_it_never_changes() {
        assert_eq!([Term::of(""), Term::of("wing"), Term::of("翼")].map(|term| term.0), GOLDEN);
        assert!(Term::of("wing").0 < 1 << TERM_BITS);
    }

    const GOLDEN: [u64; 3] = [1_029_988_901_050, 496_895_001_222, 374_329_261_402];

    #[test]
    fn similar_words_have_different_terms() {
        let mut terms: Vec<_> = (0..200_000).map(|n| Term::of(&format!("w{n}"))).collect();
        terms.sort_unstable();
        terms.dedup();
        assert_eq!(terms.len(), 200_000);
    }
}
