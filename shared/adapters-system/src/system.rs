//! The only place that asks the operating system for time and randomness. Everything else gets them through
//! the ports, so that a simulation can supply its own.

use std::time::{SystemTime, UNIX_EPOCH};

use millrace_domain::Timestamp;
use millrace_ports::{Clock, IdGenerator};
use uuid::Uuid;

/// The wall clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
    }
}

/// UUIDs of version 7 from the wall clock and the system's randomness, increasing within the process.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemIdGenerator;

impl IdGenerator for SystemIdGenerator {
    fn uuid(&self) -> Uuid {
        Uuid::now_v7()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_of_version_7_and_increase() {
        let ids: Vec<Uuid> = (0..10_000).map(|_| SystemIdGenerator.uuid()).collect();
        assert!(ids.iter().all(|id| id.get_version_num() == 7));
        assert!(ids.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn the_clock_tells_a_time_of_this_century() {
        assert!(SystemClock.now() > Timestamp::from_millis(1_700_000_000_000));
        assert!(SystemClock.now() < Timestamp::from_millis(4_102_444_800_000));
    }
}
