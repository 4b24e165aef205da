//! A clock that stands still until told otherwise, and ids that follow from a seed. Nothing here asks the system.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use millrace_domain::Timestamp;
use millrace_ports::{Clock, IdGenerator};
use uuid::{Builder, Uuid};

/// Where a new clock stands: an instant late in 2025.
pub const SIM_START: Timestamp = Timestamp::from_millis(1_763_690_400_000);

/// A clock that the test moves.
#[derive(Debug)]
pub struct SimClock(AtomicI64);

impl Default for SimClock {
    fn default() -> Self {
        Self::at(SIM_START)
    }
}

impl SimClock {
    /// A clock that stands at an instant.
    pub const fn at(instant: Timestamp) -> Self {
        Self(AtomicI64::new(instant.as_millis()))
    }

    /// Moves it on.
    pub fn advance_ms(&self, milliseconds: u64) {
        let milliseconds = i64::try_from(milliseconds).unwrap_or(i64::MAX);
        self.0.fetch_add(milliseconds, Ordering::SeqCst);
    }

    /// Sets it, backwards too, as real clocks are.
    pub fn set(&self, instant: Timestamp) {
        self.0.store(instant.as_millis(), Ordering::SeqCst);
    }
}

impl Clock for SimClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

/// Ids of version 7 that are the same for the same seed, each a millisecond after the one before.
#[derive(Debug)]
pub struct SeededIds {
    seed: u64,
    made: AtomicU64,
}

impl SeededIds {
    /// A generator; different seeds give different ids.
    pub const fn new(seed: u64) -> Self {
        Self { seed, made: AtomicU64::new(0) }
    }
}

impl IdGenerator for SeededIds {
    fn uuid(&self) -> Uuid {
        let number = self.made.fetch_add(1, Ordering::SeqCst);
        let first = split_mix(self.seed ^ split_mix(number));
        let second = split_mix(first);
        let mut random = [0_u8; 10];
        random[..8].copy_from_slice(&first.to_le_bytes());
        random[8..].copy_from_slice(&second.to_le_bytes()[..2]);
        let milliseconds = SIM_START.as_millis().unsigned_abs() + number;
        Builder::from_unix_timestamp_millis(milliseconds, &random).into_uuid()
    }
}

/// SplitMix64 (Steele, Lea and Flood 2014): spreads consecutive numbers over all of them.
pub const fn split_mix(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_increasing_ids() {
        let (one, same, other) = (SeededIds::new(1), SeededIds::new(1), SeededIds::new(2));
        let ids: Vec<Uuid> = (0..100).map(|_| one.uuid()).collect();
        assert!(ids.iter().all(|id| *id == same.uuid() && *id != other.uuid() && id.get_version_num() == 7));
        assert!(ids.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn the_clock_moves_only_when_told() {
        let clock = SimClock::default();
        assert_eq!(clock.now(), SIM_START);
        clock.advance_ms(5);
        assert_eq!(clock.now(), SIM_START.plus_millis(5));
        clock.set(SIM_START);
        assert_eq!(clock.now(), SIM_START);
    }
}
