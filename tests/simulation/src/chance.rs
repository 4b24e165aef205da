//! Randomness that follows from names instead of from an order of draws: the same question under the same seed has the same
//! answer, whatever was asked before. So leaving one fault out changes what follows from it and nothing else.

use millrace_test_support::split_mix;

/// A stream of numbers that belongs to one name.
#[derive(Debug, Clone)]
pub(crate) struct Chance(u64);

impl Chance {
    /// The numbers of a name.
    pub(crate) fn of(name: &[u64]) -> Self {
        Self(name.iter().fold(0x6d69_6c6c_7261_6365, |mixed, part| split_mix(mixed ^ split_mix(*part))))
    }

    /// The next number.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(1);
        split_mix(self.0)
    }

    /// The next number below a bound, which is at least 1.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    /// The next number of a range, both ends included.
    pub(crate) fn within(&mut self, least: u64, most: u64) -> u64 {
        least + self.below(most - least + 1)
    }

    /// Whether something happens that happens so often in ten thousand.
    pub(crate) fn happens(&mut self, per_ten_thousand: u64) -> bool {
        self.below(10_000) < per_ten_thousand
    }

    /// One of some things, of which there is at least one.
    pub(crate) fn one_of<'a, T>(&mut self, things: &'a [T]) -> &'a T {
        &things[self.below(things.len() as u64) as usize]
    }
}
