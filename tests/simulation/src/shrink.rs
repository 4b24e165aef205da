//! Finds the few faults that a failure needs: leaves out ever smaller parts of those that struck, and keeps what still
//! breaks the same guarantee. After Zeller and Hildebrandt, "Simplifying and isolating failure-inducing input" (2002).

use std::collections::BTreeSet;

use crate::label::FaultPlace;
use crate::run::{Options, Outcome, run};

/// Most runs that a search takes.
const RUNS_MAX: usize = 400;

/// The failure of `failed` with as few faults as the search comes to.
pub fn shrink(failed: &Outcome) -> Outcome {
    let mut search = Search { seed: failed.seed, guarantee: guarantee(failed), runs: 0 };
    let mut faults: Vec<FaultPlace> = places(failed);
    let mut parts = 2;
    let mut least = search.try_with(&faults);
    while faults.len() > 1 && search.runs < RUNS_MAX {
        let size = faults.len().div_ceil(parts);
        let mut smaller = None;
        for at in 0..parts {
            let without: Vec<_> = faults
                .iter()
                .enumerate()
                .filter(|(place, _)| place / size != at)
                .map(|(_, one)| *one)
                .collect();
            if without.len() == faults.len() {
                continue;
            }
            if let Some(outcome) = search.try_with(&without) {
                smaller = Some(outcome);
                break;
            }
        }
        match smaller {
            Some(outcome) => {
                // Of those that were left in, some may not have come to strike.
                faults = places(&outcome);
                least = Some(outcome);
                parts = parts.saturating_sub(1).max(2);
            }
            None if size == 1 => break,
            None => parts = (parts * 2).min(faults.len()),
        }
    }
    if faults.len() == 1
        && let Some(outcome) = search.try_with(&[])
    {
        least = Some(outcome);
    }
    least.unwrap_or_else(|| run(failed.seed, &Options::default()))
}

struct Search {
    seed: u64,
    guarantee: Option<(&'static str, &'static str)>,
    runs: usize,
}

impl Search {
    /// Whether the same breaks with these faults alone.
    fn try_with(&mut self, faults: &[FaultPlace]) -> Option<Outcome> {
        self.runs += 1;
        let only: BTreeSet<FaultPlace> = faults.iter().copied().collect();
        let outcome = run(self.seed, &Options { only: Some(only), ..Options::default() });
        (guarantee(&outcome) == self.guarantee).then_some(outcome)
    }
}

fn guarantee(outcome: &Outcome) -> Option<(&'static str, &'static str)> {
    outcome.violations.first().map(|violation| (violation.guarantee, violation.rule))
}

fn places(outcome: &Outcome) -> Vec<FaultPlace> {
    let mut seen = BTreeSet::new();
    outcome.struck.iter().map(|struck| struck.place).filter(|place| seen.insert(*place)).collect()
}
