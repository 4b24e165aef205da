//! Finds the few faults that a failure needs: leaves out ever smaller parts of those that struck, and keeps what still
//! breaks the same guarantee. After Zeller and Hildebrandt, "Simplifying and isolating failure-inducing input" (2002).

use std::collections::BTreeSet;

use crate::label::FaultPlace;
use crate::run::{Options, Outcome, run};

/// Most runs that a search takes.
const RUNS_MAX: usize = 400;

/// The failure of `failed` with as few faults as the search comes to.
pub fn shrink(failed: &Outcome) -> Outcome {
    let wanted = guarantee(failed);
    let mut least = None;
    let faults = places(failed);
    fewest(&faults, RUNS_MAX, |faults| {
        let only: BTreeSet<FaultPlace> = faults.iter().copied().collect();
        let outcome = run(failed.seed, &Options { only: Some(only), ..Options::default() });
        let fails = guarantee(&outcome) == wanted;
        // Of those that were left in, some may not have come to strike.
        let struck = fails.then(|| places(&outcome));
        if fails {
            least = Some(outcome);
        }
        struck
    });
    least.unwrap_or_else(|| run(failed.seed, &Options::default()))
}

/// Looks for few things that still fail. `fails` tries some of them, and gives those that mattered if they do; it is asked
/// at most `tries` times.
fn fewest<T: Copy>(things: &[T], tries: usize, mut fails: impl FnMut(&[T]) -> Option<Vec<T>>) -> Vec<T> {
    let mut left = tries;
    let mut fails = |things: &[T]| {
        left = left.checked_sub(1)?;
        fails(things)
    };
    let Some(mut things) = fails(things) else { return things.to_vec() };
    let mut parts = 2;
    while things.len() > 1 {
        let size = things.len().div_ceil(parts);
        let smaller = things.chunks(size).enumerate().find_map(|(part, _)| {
            let rest: Vec<T> = things
                .chunks(size)
                .enumerate()
                .filter(|(at, _)| *at != part)
                .flat_map(|(_, one)| one.to_vec())
                .collect();
            fails(&rest)
        });
        match smaller {
            Some(smaller) => {
                things = smaller;
                parts = parts.saturating_sub(1).max(2);
            }
            None if size == 1 => return things,
            None => parts = (parts * 2).min(things.len()),
        }
    }
    // One thing may be one too many.
    fails(&[]).unwrap_or(things)
}

fn guarantee(outcome: &Outcome) -> Option<(&'static str, &'static str)> {
    outcome.violations.first().map(|violation| (violation.guarantee, violation.rule))
}

fn places(outcome: &Outcome) -> Vec<FaultPlace> {
    let mut seen = BTreeSet::new();
    outcome.struck.iter().map(|struck| struck.place).filter(|place| seen.insert(*place)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fails with all of these; what is left in and does not matter is told or not.
    fn failing_with<'a>(
        needed: &'a [u32],
        tries: &'a mut usize,
    ) -> impl FnMut(&[u32]) -> Option<Vec<u32>> + 'a {
        |things| {
            *tries += 1;
            needed.iter().all(|one| things.contains(one)).then(|| things.to_vec())
        }
    }

    #[test]
    fn what_is_not_needed_is_left_out() {
        let things: Vec<u32> = (0..100).collect();
        for needed in [&[][..], &[0], &[99], &[13, 14], &[0, 50, 99], &[3, 31, 62, 63, 90]] {
            let mut tries = 0;
            assert_eq!(fewest(&things, 400, failing_with(needed, &mut tries)), needed);
            assert!(tries < 150, "{needed:?} took {tries} tries");
        }
    }

    #[test]
    fn the_search_ends_with_its_tries() {
        let things: Vec<u32> = (0..100).collect();
        let mut tries = 0;
        let found = fewest(&things, 5, failing_with(&[1, 98], &mut tries));
        assert!(found.contains(&1) && found.contains(&98));
        assert_eq!(tries, 5);
    }
}
