//! What goes wrong in a run, and how often: chosen from the seed, each kind of fault present or absent by itself, so that
//! some runs are rough in one way only. Decides; what a fault then does is the scheduler's and the ports' business.

use std::collections::BTreeSet;

use crate::chance::Chance;
use crate::label::{Aspect, FaultPlace, Kind, Label};
use crate::squall::Squall;

/// The longest that faults go on, in milliseconds.
pub(crate) const FAULTS_MS_MAX: u64 = 20 * 60_000;
/// The longest that a task stands still, in milliseconds; well past the lease of a step.
pub(crate) const STALL_MS_MAX: u64 = 12 * 60_000;
/// The longest that a message is delayed beyond what was asked, in milliseconds.
pub(crate) const LATE_MS_MAX: u64 = 6 * 60_000;
/// How far a worker's clock may be off, either way, in milliseconds.
pub(crate) const SKEW_MS_MAX: u64 = 20_000;

/// What goes wrong at some place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mishap {
    /// The call answers `Unavailable`: before its effect, or after it, when only the answer is lost.
    Fail,
    /// The call answers `Throttled`, perhaps saying for how long.
    Throttle(Option<u64>),
    /// The process dies.
    Crash,
    /// The process stands still for so long, and then goes on.
    Stall(u64),
    /// A call that does several things does some of them and fails.
    Partial,
    /// A message is accepted and lost.
    Lose,
    /// A message arrives twice.
    Duplicate,
    /// A message arrives late.
    Late(u64),
    /// An invocation that ended well is repeated.
    Repeat,
    /// A port is out of reach for a while.
    Outage,
    /// Every process dies at once.
    PowerCut,
}

/// A fault that struck.
#[derive(Debug, Clone, Copy)]
pub struct Struck {
    /// Where.
    pub place: FaultPlace,
    /// In which call.
    pub(crate) name: &'static str,
    /// How.
    pub(crate) mishap: Mishap,
}

impl std::fmt::Display for Struck {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} at {} ({}, {:?})", self.mishap, self.place, self.name, self.place.aspect)
    }
}

/// How often each kind of fault strikes, in ten thousand calls, messages or invocations.
#[derive(Debug, Clone, Copy, Default)]
struct Rates {
    fail: u64,
    throttle: u64,
    crash: u64,
    stall: u64,
    partial: u64,
    lose: u64,
    duplicate: u64,
    late: u64,
    repeat: u64,
}

/// A port that is out of reach from one instant to another.
#[derive(Debug, Clone, Copy)]
struct Outage {
    port: &'static str,
    from: i64,
    until: i64,
}

/// The weather of a run.
#[derive(Debug, Clone)]
pub(crate) struct Weather {
    seed: u64,
    rates: Rates,
    outages: Vec<Outage>,
    squall: Option<Squall>,
    /// When all processes die.
    pub(crate) power_cuts: Vec<i64>,
    /// From here on nothing new goes wrong.
    pub(crate) calm_from: i64,
    latency_ms_max: u64,
    /// Nothing goes wrong at all, and everything is quick.
    pub(crate) calm: bool,
    skewed: bool,
    /// Only these faults strike, if they are named.
    only: Option<BTreeSet<FaultPlace>>,
}

/// The ports that can be out of reach: the first part of their calls' names.
const PORTS: [&str; 9] = [
    "event_store",
    "job_ledger",
    "job_queue",
    "blob_store",
    "search_index",
    "embedding_cache",
    "read_model",
    "event_bus",
    "embedder",
];

impl Weather {
    /// The weather of a seed, for a run that begins at `start`.
    pub(crate) fn of(seed: u64, start: i64, only: Option<BTreeSet<FaultPlace>>) -> Self {
        let mut chance = Chance::of(&[seed, 1]);
        let calm = chance.happens(800);
        let mut rate = |rates: &[u64]| {
            let present = chance.happens(5_000);
            let rate = *chance.one_of(rates);
            if present && !calm { rate } else { 0 }
        };
        let rates = Rates {
            fail: rate(&[30, 100, 300, 800]),
            throttle: rate(&[50, 200, 800, 2_000]),
            crash: rate(&[20, 60, 150, 400]),
            stall: rate(&[20, 60, 150]),
            partial: rate(&[200, 1_000, 3_000]),
            lose: rate(&[200, 1_000, 3_000]),
            duplicate: rate(&[300, 1_500, 4_000]),
            late: rate(&[300, 1_500, 4_000]),
            repeat: rate(&[300, 1_500]),
        };
        let calm_from = start + chance.within(3 * 60_000, FAULTS_MS_MAX) as i64;
        let instant = |chance: &mut Chance| start + chance.below((calm_from - start) as u64) as i64;
        let outages = if calm { 0 } else { chance.below(4) };
        let outages = (0..outages).map(|_| {
            let (port, from) = (*chance.one_of(&PORTS), instant(&mut chance));
            let until = from + chance.within(1_000, 240_000) as i64;
            Outage { port, from, until: until.min(calm_from) }
        });
        let outages = outages.collect();
        let cuts = if chance.happens(3_000) && !calm { chance.within(1, 3) } else { 0 };
        let power_cuts = (0..cuts).map(|_| instant(&mut chance)).collect();
        Self {
            seed,
            rates,
            outages,
            squall: Squall::of(seed).filter(|_| !calm),
            power_cuts,
            calm_from: if calm { start } else { calm_from },
            latency_ms_max: *chance.one_of::<u64>(if calm { &[5, 20] } else { &[5, 20, 80, 400] }),
            calm,
            skewed: !calm && chance.happens(3_000),
            only,
        }
    }

    /// How long a call takes to be sent, or its answer, in milliseconds.
    pub(crate) fn latency_ms(&self, place: FaultPlace) -> u64 {
        let mut chance = self.chance(place, 2);
        let slow = if chance.happens(500) { 10 } else { 1 };
        chance.within(1, self.latency_ms_max * slow)
    }

    /// How far a task's clock is off, in milliseconds.
    pub(crate) fn skew_ms(&self, label: Label) -> i64 {
        let [kind, number] = label.words();
        let skew = Chance::of(&[self.seed, 3, kind, number]).within(0, 2 * SKEW_MS_MAX) as i64;
        if self.skewed { skew - SKEW_MS_MAX as i64 } else { 0 }
    }

    /// What goes wrong with a call at one of its two points.
    pub(crate) fn call(&self, place: FaultPlace, name: &str, now: i64) -> Option<Mishap> {
        let mut chance = self.chance(place, 4);
        let at = chance.below(10_000);
        let Rates { fail, throttle, crash, stall, .. } = self.rates;
        // A service that throttles has done nothing.
        let throttle = if place.aspect == Aspect::Before { throttle } else { 0 };
        let mishap = if at < fail {
            Mishap::Fail
        } else if at < fail + throttle {
            let said = chance.happens(5_000);
            Mishap::Throttle(said.then_some(chance.within(500, 30_000)))
        } else if at < fail + throttle + crash {
            Mishap::Crash
        } else if at < fail + throttle + crash + stall {
            Mishap::Stall(*chance.one_of(&[15_000, 70_000, 310_000, STALL_MS_MAX]))
        } else {
            self.squall?.call(place, name)?
        };
        self.permit(place, now, mishap)
    }

    /// Whether the port of a call is out of reach.
    pub(crate) fn outage(&self, name: &str, now: i64) -> Option<(FaultPlace, Mishap)> {
        let down =
            |outage: &Outage| name.starts_with(outage.port) && (outage.from..outage.until).contains(&now);
        let at = self.outages.iter().position(down)?;
        let place = FaultPlace { label: Label::new(Kind::World, at as u64), call: 0, aspect: Aspect::Whole };
        Some((place, self.permit(place, now, Mishap::Outage)?))
    }

    /// Whether a power cut strikes.
    pub(crate) fn power_cut(&self, number: u64, now: i64) -> Option<(FaultPlace, Mishap)> {
        let place = FaultPlace { label: Label::new(Kind::World, number), call: 1, aspect: Aspect::Whole };
        Some((place, self.permit(place, now, Mishap::PowerCut)?))
    }

    /// Whether a call that does several things breaks off in the middle.
    pub(crate) fn part(&self, place: FaultPlace, now: i64) -> Option<Mishap> {
        let strikes = self.chance(place, 5).happens(self.rates.partial);
        self.permit(place, now, Mishap::Partial).filter(|_| strikes)
    }

    /// What becomes of a message that is sent.
    pub(crate) fn message(&self, place: FaultPlace, now: i64, may_be_lost: bool) -> Option<Mishap> {
        let mut chance = self.chance(place, 6);
        let lost = chance.happens(self.rates.lose) && may_be_lost;
        let partial = chance.happens(self.rates.partial / 2);
        let duplicate = chance.happens(self.rates.duplicate);
        let late = chance.happens(self.rates.late);
        let mishap = if lost {
            Mishap::Lose
        } else if partial {
            Mishap::Partial
        } else if duplicate {
            Mishap::Duplicate
        } else if late {
            Mishap::Late(*chance.one_of(&[500, 5_000, 60_000, LATE_MS_MAX]))
        } else {
            return None;
        };
        self.permit(place, now, mishap)
    }

    /// Whether an invocation is repeated that ended well.
    pub(crate) fn repeat(&self, label: Label, now: i64) -> Option<(FaultPlace, Mishap)> {
        let place = FaultPlace { label, call: 0, aspect: Aspect::Whole };
        let strikes = self.chance(place, 7).happens(self.rates.repeat);
        Some((place, self.permit(place, now, Mishap::Repeat).filter(|_| strikes)?))
    }

    fn permit(&self, place: FaultPlace, now: i64, mishap: Mishap) -> Option<Mishap> {
        let permitted = self.only.as_ref().is_none_or(|only| only.contains(&place));
        (permitted && now < self.calm_from).then_some(mishap)
    }

    fn chance(&self, place: FaultPlace, purpose: u64) -> Chance {
        let [kind, number, call, aspect] = place.words();
        Chance::of(&[self.seed, purpose, kind, number, call, aspect])
    }
}
