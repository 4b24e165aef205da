//! Trouble that gathers: in some runs one call stands still before its effect again and again, and the answers of another
//! are lost. What needs two rare faults in a row, of one worker, is met there; even weather would take many thousand
//! seeds. Decides; what a fault then does is the scheduler's business.

use crate::chance::Chance;
use crate::label::{Aspect, FaultPlace};
use crate::weather::Mishap;

/// The call before which tasks stand still, while clients overtake them, and the one whose answers are lost. What is written
/// late goes with claims, which stay when their owner is gone; what is decided late with appends.
const PAIRS: [(&str, &str); 5] = [
    ("search_index.put_words", "job_ledger.claim"),
    ("search_index.put_words", "job_ledger.claim"),
    ("search_index.put_vectors", "job_ledger.claim"),
    ("event_store.load", "event_store.append"),
    ("event_store.append", "job_ledger.claim"),
];

/// How often a task stands still before its call, in ten thousand.
const STALLED: u64 = 4_000;

/// A squall.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Squall {
    seed: u64,
    stalled: &'static str,
    unanswered: &'static str,
    /// How often answers are lost, in ten thousand calls.
    lost: u64,
}

impl Squall {
    /// The squall of a seed, if it has one: a third have.
    pub(crate) fn of(seed: u64) -> Option<Self> {
        let mut chance = Chance::of(&[seed, 27]);
        let strikes = chance.happens(3_300);
        let (stalled, unanswered) = *chance.one_of(&PAIRS);
        let squall = Self { seed, stalled, unanswered, lost: *chance.one_of(&[1_000, 2_500, 4_000]) };
        strikes.then_some(squall)
    }

    /// What goes wrong with a call at one of its two points.
    pub(crate) fn call(&self, place: FaultPlace, name: &str) -> Option<Mishap> {
        let [kind, number, call, aspect] = place.words();
        let mut chance = Chance::of(&[self.seed, 28, kind, number, call, aspect]);
        match place.aspect {
            Aspect::Before if name == self.stalled && chance.happens(STALLED) => {
                Some(Mishap::Stall(*chance.one_of(&[15_000, 40_000, 70_000, 310_000])))
            }
            Aspect::After if name == self.unanswered && chance.happens(self.lost) => {
                Some(*chance.one_of(&[Mishap::Fail, Mishap::Fail, Mishap::Crash]))
            }
            _ => None,
        }
    }
}
