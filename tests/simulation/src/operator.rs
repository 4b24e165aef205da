//! The operator of some runs: moves collections from one model to the other and back, and now and then stops a move. Asks
//! beside the clients, one thing at a time, and asks again where no answer came. Runs without one are as they would be
//! were there no moves at all.

use http::StatusCode;
use millrace_application::ReembedPolicy;
use millrace_domain::CollectionName;

use crate::chance::Chance;
use crate::operation::Operation;
use crate::ports::{FURTHER_MODEL, MODEL};
use crate::squall::Squall;

/// How often a run has one, in ten thousand.
const RUNS: u64 = 4_000;
/// Times that a request is asked.
const TRIES_MAX: u64 = 6;
/// The longest settling time of a move, in milliseconds.
pub(crate) const MOVE_SETTLE_MS_MAX: u64 = 60_000;

/// What is to be asked.
#[derive(Debug, Clone)]
struct Plan {
    tenant: usize,
    collection: CollectionName,
    stop: bool,
    pause_ms: u64,
}

/// The operator.
#[derive(Debug)]
pub(crate) struct Operator {
    seed: u64,
    plans: Vec<Plan>,
    /// Plans that are done with, and how often the next was asked.
    done: usize,
    tries: u64,
}

/// What it asks next.
#[derive(Debug)]
pub(crate) struct Asking {
    pub(crate) number: u64,
    pub(crate) operation: Operation,
}

/// Whether moves overtake workers that stand still: many, each as quick as it can be.
fn overtakes(seed: u64) -> bool {
    Squall::of(seed).is_some_and(|squall| squall.of_moves)
}

impl Operator {
    /// The operator of a seed.
    pub(crate) fn of(seed: u64) -> Self {
        let mut chance = Chance::of(&[seed, 50]);
        let squall = overtakes(seed);
        let plans = match (chance.happens(RUNS), squall) {
            (_, true) => chance.within(4, 8),
            (true, false) => chance.within(1, 4),
            (false, false) => 0,
        };
        let plan = |at| {
            let longest =
                *chance.one_of::<u64>(if squall { &[2_000, 20_000] } else { &[2_000, 20_000, 60_000] });
            let second = chance.happens(1_500);
            Plan {
                tenant: usize::from(chance.happens(2_000) && !squall),
                collection: CollectionName::new(if second { "second" } else { "default" })
                    .unwrap_or_default(),
                stop: at > 0 && chance.happens(4_000),
                pause_ms: chance.within(1, longest),
            }
        };
        Self { seed, plans: (0..plans).map(plan).collect(), done: 0, tries: 0 }
    }

    /// How the saga works in a seed's run: it settles for seconds, so that much else happens during all of its steps, and goes
    /// through few documents at a time.
    pub(crate) fn policy(seed: u64) -> ReembedPolicy {
        if overtakes(seed) {
            return ReembedPolicy { settle_ms: 1_000, slice_ms: 10_000, call_ms: 60_000, page: 4 };
        }
        let mut chance = Chance::of(&[seed, 51]);
        ReembedPolicy {
            settle_ms: *chance.one_of(&[1_000, 10_000, MOVE_SETTLE_MS_MAX]),
            slice_ms: *chance.one_of(&[500, 10_000]),
            call_ms: *chance.one_of(&[2_000, 60_000]),
            page: chance.within(1, 4) as usize,
        }
    }

    /// How often the schedule fires while something is moving, in milliseconds.
    pub(crate) fn sweeps_every_ms(&self) -> u64 {
        if overtakes(self.seed) {
            return 1_000;
        }
        *Chance::of(&[self.seed, 52]).one_of(&[1_000, 5_000, 20_000])
    }

    pub(crate) fn is_done(&self) -> bool {
        self.done == self.plans.len()
    }

    /// How long it waits, in milliseconds, if it has anything more to ask.
    pub(crate) fn pause_ms(&self) -> Option<u64> {
        let plan = self.plans.get(self.done)?;
        Some(if self.tries == 0 { plan.pause_ms } else { 10_000 })
    }

    /// Of whose and which collection it asks something next.
    pub(crate) fn about(&self) -> Option<(usize, CollectionName)> {
        self.plans.get(self.done).map(|plan| (plan.tenant, plan.collection.clone()))
    }

    /// What it asks next, of a collection that has vectors of this length, if it is there.
    pub(crate) fn next(&self, dimensions: Option<u16>) -> Option<Asking> {
        let plan = self.plans.get(self.done)?;
        let other = if dimensions == Some(MODEL.1) { FURTHER_MODEL } else { MODEL };
        let collection = plan.collection.clone();
        let operation = match plan.stop {
            true => Operation::StopMove { collection },
            false => Operation::Move { collection, model: other.0 },
        };
        let number = 1_000_000 + self.done as u64 * 10 + self.tries;
        Some(Asking { number, operation })
    }

    /// It was answered, or not. A collection may come to be later, and a move that is under way ends.
    pub(crate) fn answered(&mut self, status: Option<StatusCode>) {
        let again = status.is_none_or(|status| {
            let later = matches!(status, StatusCode::NOT_FOUND | StatusCode::CONFLICT);
            status.is_server_error() || later && self.plans.get(self.done).is_some_and(|plan| !plan.stop)
        });
        self.tries += 1;
        if !again || self.tries == TRIES_MAX {
            self.done += 1;
            self.tries = 0;
        }
    }
}
