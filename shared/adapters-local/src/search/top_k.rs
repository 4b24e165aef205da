//! The best `k` of many scored slots, the same ones in whatever order they come.

use std::cmp::Ordering;

/// A place among the windows of a search: window times `WINDOW_SLOTS` plus the slot in it.
pub(super) type Place = u32;

/// Collects the best. Keeps up to twice as many and throws the worse half away when full, which costs a few
/// comparisons for each that is better than the worst kept, and one for each that is not.
pub(super) struct TopK<'a> {
    k: usize,
    kept: Vec<(f32, Place)>,
    threshold: f32,
    /// Decides between equal scores; the lesser is better.
    tie: &'a dyn Fn(Place, Place) -> Ordering,
}

impl<'a> TopK<'a> {
    pub(super) fn new(k: usize, tie: &'a dyn Fn(Place, Place) -> Ordering) -> Self {
        Self { k, kept: Vec::new(), threshold: f32::NEG_INFINITY, tie }
    }

    /// A score below it cannot be among the best.
    pub(super) fn threshold(&self) -> f32 {
        self.threshold
    }

    pub(super) fn push(&mut self, score: f32, place: Place) {
        if score < self.threshold || self.k == 0 {
            return;
        }
        self.kept.push((score, place));
        if self.kept.len() >= self.k.saturating_mul(2).max(64) {
            self.shrink();
        }
    }

    /// The best, best first.
    pub(super) fn into_best(mut self) -> Vec<(f32, Place)> {
        self.shrink();
        let tie = self.tie;
        self.kept.sort_unstable_by(|a, b| better(a, b, tie));
        self.kept
    }

    fn shrink(&mut self) {
        if self.k > 0 && self.kept.len() > self.k {
            let tie = self.tie;
            let (_, worst, _) = self.kept.select_nth_unstable_by(self.k - 1, |a, b| better(a, b, tie));
            self.threshold = worst.0;
            self.kept.truncate(self.k);
        }
    }
}

fn better(a: &(f32, Place), b: &(f32, Place), tie: &dyn Fn(Place, Place) -> Ordering) -> Ordering {
    b.0.total_cmp(&a.0).then_with(|| tie(a.1, b.1))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn keeps_what_sorting_would(scores in proptest::collection::vec(0_u8..20, 0..400), k in 0_usize..90) {
            let tie = |a: Place, b: Place| b.cmp(&a);
            let mut top = TopK::new(k, &tie);
            let mut all: Vec<(f32, Place)> = scores.iter().zip(0..).map(|(&score, at)| (f32::from(score), at)).collect();
            all.iter().for_each(|&(score, place)| top.push(score, place));
            all.sort_by(|a, b| better(a, b, &tie));
            all.truncate(k);
            prop_assert_eq!(top.into_best(), all);
        }
    }
}
