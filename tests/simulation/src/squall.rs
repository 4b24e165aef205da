//! Trouble that gathers: in some runs one call stands still before its effect again and again, and the answers of another
//! are lost. What needs two rare faults in a row, of one worker, is met there; even weather would take many thousand
//! seeds. Decides; what a fault then does is the scheduler's business.

use crate::chance::Chance;
use crate::label::{Aspect, FaultPlace};
use crate::weather::Mishap;

/// The call before which tasks stand still, while clients overtake them, and the one whose answers are lost. What is written
/// late goes with claims, which stay when their owner is gone; what is decided late with appends.
const PAIRS: [(&str, &str); 7] = [
    ("search_index.put_words", "job_ledger.claim"),
    ("search_index.put_words", "job_ledger.claim"),
    ("search_index.put_vectors", "job_ledger.claim"),
    ("event_store.load", "event_store.append"),
    ("event_store.append", "job_ledger.claim"),
    (PURGE, "job_ledger.claim"),
    (PURGE, "event_store.append"),
];
/// A purge is overtaken only by whoever takes its claim over.
const PURGE: &str = "search_index.purge";
const PURGE_STALLS_MS: [u64; 3] = [310_000, 450_000, 700_000];

/// The same where a collection moves to another model meanwhile: once, twice, or back before it has switched. Workers stand
/// still before they write into an index space, until long after nobody is to write there.
const MOVES: [(&str, &str); 3] = [
    ("search_index.put_words", "collection_store.replace"),
    ("search_index.put_words", "search_index.purge"),
    ("search_index.put_vectors", "search_index.purge"),
];

/// How often a task stands still before its call, in ten thousand.
const STALLED: u64 = 4_000;
/// How often a squall is one of moves, in ten thousand.
const OF_MOVES: u64 = 3_000;

/// For how long, in milliseconds; where a collection moves, not past the lease of the step, whose owner goes on after it.
const STALLS_MS: [u64; 4] = [15_000, 40_000, 70_000, 310_000];
const MOVE_STALLS_MS: [u64; 3] = [40_000, 90_000, 200_000];
/// The name of the chance that a squall is one of moves.
const MOVING: u64 = 29;

/// A squall.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Squall {
    seed: u64,
    stalled: &'static str,
    unanswered: &'static str,
    /// How often answers are lost, in ten thousand calls.
    lost: u64,
    /// Whether moves of collections overtake what stands still, instead of clients.
    pub(crate) of_moves: bool,
}

impl Squall {
    /// The squall of a seed, if it has one: a third have.
    pub(crate) fn of(seed: u64) -> Option<Self> {
        let mut chance = Chance::of(&[seed, 27]);
        let strikes = chance.happens(3_300);
        let (stalled, unanswered) = *chance.one_of(&PAIRS);
        let lost = *chance.one_of(&[1_000, 2_500, 4_000]);
        let squall = Self { seed, stalled, unanswered, lost, of_moves: false };
        let mut chance = Chance::of(&[seed, MOVING]);
        if strikes && chance.happens(OF_MOVES) {
            let (stalled, unanswered) = *chance.one_of(&MOVES);
            return Some(Self { stalled, unanswered, lost: 300, of_moves: true, ..squall });
        }
        strikes.then_some(squall)
    }

    /// What goes wrong with a call at one of its two points.
    pub(crate) fn call(&self, place: FaultPlace, name: &str) -> Option<Mishap> {
        let [kind, number, call, aspect] = place.words();
        let mut chance = Chance::of(&[self.seed, 28, kind, number, call, aspect]);
        match place.aspect {
            Aspect::Before if name == self.stalled && chance.happens(STALLED) => {
                let waits: &[u64] = match (self.stalled, self.of_moves) {
                    (PURGE, _) => &PURGE_STALLS_MS,
                    (_, true) => &MOVE_STALLS_MS,
                    (_, false) => &STALLS_MS,
                };
                Some(Mishap::Stall(*chance.one_of(waits)))
            }
            Aspect::After if name == self.unanswered && chance.happens(self.lost) => {
                Some(*chance.one_of(&[Mishap::Fail, Mishap::Fail, Mishap::Crash]))
            }
            _ => None,
        }
    }
}
