//! A set of small numbers, one bit each, read 64 at a time.

/// A growing set of bits; those never set are clear.
#[derive(Debug, Clone, Default)]
pub(super) struct Bits {
    words: Vec<u64>,
}

impl Bits {
    pub(super) fn get(&self, at: u32) -> bool {
        self.word(at / 64) >> (at % 64) & 1 == 1
    }

    pub(super) fn set(&mut self, at: u32) {
        let word = (at / 64) as usize;
        if word >= self.words.len() {
            self.words.resize(word + 1, 0);
        }
        self.words[word] |= 1 << (at % 64);
    }

    pub(super) fn clear(&mut self, at: u32) {
        if let Some(word) = self.words.get_mut((at / 64) as usize) {
            *word &= !(1 << (at % 64));
        }
    }

    /// Bits `64 * word ..`, the first lowest.
    pub(super) fn word(&self, word: u32) -> u64 {
        self.words.get(word as usize).copied().unwrap_or(0)
    }

    /// How many words hold bits.
    pub(super) fn words(&self) -> u32 {
        u32::try_from(self.words.len()).unwrap_or(u32::MAX)
    }

    /// 64 bits from any place on.
    pub(super) fn window(&self, from: u32) -> u64 {
        let (word, shift) = (from / 64, from % 64);
        if shift == 0 {
            return self.word(word);
        }
        self.word(word) >> shift | self.word(word + 1) << (64 - shift)
    }

    /// How many of `from .. from + length` are set.
    pub(super) fn count(&self, from: u32, length: u32) -> u32 {
        let mut count = 0;
        for start in (0..length).step_by(64) {
            let mask = u64::MAX >> (64 - (length - start).min(64));
            count += (self.window(from + start) & mask).count_ones();
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_windows_agree_with_single_bits() {
        let mut bits = Bits::default();
        let members = [0, 1, 63, 64, 65, 127, 128, 300, 301];
        members.iter().for_each(|&at| bits.set(at));
        for from in 0..320 {
            for length in [0, 1, 5, 64, 65, 200] {
                let expected = members.iter().filter(|&&at| (from..from + length).contains(&at)).count();
                assert_eq!(bits.count(from, length) as usize, expected, "{from} + {length}");
            }
            assert_eq!(bits.window(from) & 1 == 1, bits.get(from));
        }
        bits.clear(64);
        bits.clear(9_999);
        assert!(!bits.get(64) && bits.get(65) && !bits.get(9_999));
    }
}
