//! A fixed number of seeds at each run of the tests, and every seed that was ever found failing.

use simulation::{Options, Report, SETTLE_MS_MAX, kept_seeds, run, shrink};

/// Seeds of the fixed part: less than two minutes of one core in the dev profile.
const SEEDS: u64 = 500;
/// The variable that names the seed to replay.
const SEED: &str = "MILLRACE_SEED";

/// Holds a seed to the guarantees; a failure is shrunk and says how to see it again.
fn hold(seed: u64) {
    let outcome = run(seed, &Options::default());
    if !outcome.violations.is_empty() {
        panic!("{}", Report { failed: &outcome, shrunk: &shrink(&outcome) });
    }
    assert!(outcome.settled_after_ms <= SETTLE_MS_MAX);
}

#[test]
fn no_guarantee_breaks_under_the_first_seeds() {
    (0..SEEDS).for_each(hold);
}

#[test]
fn no_seed_fails_that_failed_before() {
    let kept = kept_seeds().expect("the folder of kept seeds can be read");
    assert!(!kept.is_empty());
    kept.into_iter().for_each(|kept| hold(kept.seed));
}

#[test]
fn the_same_seed_twice_writes_the_same_trace() {
    let (mut switched, mut stopped) = (0, 0);
    for seed in 0..40 {
        let traced = Options { traced: true, only: None };
        let (one, other) = (run(seed, &traced), run(seed, &traced));
        assert!(one.trace.lines().count() > 20, "seed {seed} has a trace");
        let difference = one.trace.lines().zip(other.trace.lines()).position(|(one, other)| one != other);
        assert_eq!(difference, None, "seed {seed}: the first line that differs");
        assert_eq!(one.trace, other.trace, "seed {seed}");
        switched += one.trace.matches("Some(Verify) to Some(SettleReaders)").count();
        stopped += one.trace.matches("Some(DropNew) to None").count();
    }
    assert!(switched > 0 && stopped > 0, "{switched} collections switched, {stopped} moves were stopped");
}

#[test]
fn other_seeds_take_other_ways() {
    let traced = Options { traced: true, only: None };
    assert_ne!(run(1, &traced).trace, run(2, &traced).trace);
}

#[test]
fn without_faults_a_run_is_quick_to_settle() {
    let calm = Options { traced: false, only: Some(std::collections::BTreeSet::new()) };
    for seed in 0..20 {
        let outcome = run(seed, &calm);
        assert_eq!(outcome.violations, []);
        assert_eq!(outcome.struck.len(), 0);
    }
}

/// Replays the seed that `MILLRACE_SEED` names, with its trace; without it, the first.
#[test]
#[expect(clippy::print_stderr, reason = "the trace is what a replay is for")]
fn replay() {
    let seed = std::env::var(SEED).map_or(0, |seed| seed.parse().expect("the seed is a number"));
    let outcome = run(seed, &Options { traced: true, only: None });
    eprintln!("{}", outcome.trace);
    hold(seed);
}
