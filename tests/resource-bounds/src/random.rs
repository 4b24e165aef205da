//! The one source of chance: a small generator from a seed, so that every input can be made again. It is not fit for
//! anything but tests.

/// xorshift64*. Source: Vigna, "An experimental exploration of Marsaglia's xorshift generators, scrambled", 2016.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// A generator for input `index` of a run under `seed`; neighbours have nothing in common.
    #[must_use]
    pub fn new(seed: u64, index: u64) -> Self {
        // splitmix64 spreads the two numbers over all bits.
        let mut mixed = seed ^ index.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        Self((mixed ^ (mixed >> 31)) | 1)
    }

    /// The next number.
    pub fn next_number(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// A number below `bound`; 0 if there is none.
    pub fn below(&mut self, bound: usize) -> usize {
        if bound == 0 { 0 } else { ((self.next_number() >> 11) % bound as u64) as usize }
    }

    /// One of several.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}
