//! What a worker's step comes to, in the words of a queue: the vocabulary between use cases and the function runtime.

use millrace_ports::{DeadLetterCode, ErrorKind, PortError};

/// What is to happen to the message of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobOutcome {
    /// Done, done before, or without purpose by now: delete it.
    Acknowledge,
    /// Not now, and nobody's fault (throttled, claimed elsewhere, contended): back after the delay, no attempt spent.
    Postpone {
        /// Milliseconds.
        delay_ms: u64,
    },
    /// Not now, and it was redriven and is not tried again for that yet: as `Postpone`, and still to be known as redriven
    /// when it comes back.
    PostponeRedriven {
        /// Milliseconds.
        delay_ms: u64,
    },
    /// It failed in a way that may pass: back after the delay, one attempt spent.
    Retry {
        /// Milliseconds.
        delay_ms: u64,
        /// For the log.
        reason: String,
    },
    /// It can never succeed: to the dead-letter queue, with the reason.
    DeadLetter {
        /// To group by.
        code: DeadLetterCode,
        /// For whoever looks at it.
        reason: String,
    },
}

/// The waits before the second, third, ... attempt, in milliseconds, before jitter.
const BACKOFF_MS: [u64; 5] = [1_000, 5_000, 30_000, 120_000, 600_000];
/// How long to wait for a throttled service that did not say.
pub(crate) const THROTTLED_MS: u64 = 2_000;
/// The shortest wait for a throttled service, whatever it says: one that says 0 for ever would be asked without a pause.
const THROTTLED_MS_MIN: u64 = 1_000;
/// How long to wait when conflicts did not end.
const CONTENDED_MS: u64 = 200;

/// The wait after the given attempt (from 1). `random` spreads it over 75 % to 125 %, so that messages that failed
/// together do not return together.
pub fn backoff_ms(attempt: u32, random: u64) -> u64 {
    let step = (attempt.max(1) as usize - 1).min(BACKOFF_MS.len() - 1);
    let base = BACKOFF_MS[step];
    base - base / 4 + random % (base / 2)
}

impl JobOutcome {
    /// The outcome of a message that is not what its queue carries.
    pub fn malformed(reason: impl Into<String>) -> Self {
        Self::DeadLetter { code: DeadLetterCode::Malformed, reason: reason.into() }
    }

    /// The outcome of a message whose step has a key that was used for something else.
    pub(crate) fn key_in_use() -> Self {
        let reason = "step key is in use for another purpose".to_owned();
        Self::DeadLetter { code: DeadLetterCode::Invalid, reason }
    }

    fn dead_letter(code: DeadLetterCode, error: &PortError) -> Self {
        Self::DeadLetter { code, reason: error.to_string() }
    }

    /// The outcome of a port's failure at the given attempt.
    pub fn from_port_error(error: &PortError, attempt: u32, random: u64) -> Self {
        match error.kind {
            ErrorKind::Conflict => Self::Postpone { delay_ms: CONTENDED_MS },
            ErrorKind::ClaimLost => Self::Acknowledge,
            ErrorKind::Throttled => Self::Postpone { delay_ms: throttled_ms(error.retry_after_ms) },
            ErrorKind::Unavailable => {
                Self::Retry { delay_ms: backoff_ms(attempt, random), reason: error.to_string() }
            }
            ErrorKind::NotFound => Self::dead_letter(DeadLetterCode::NotFound, error),
            ErrorKind::Invalid => Self::dead_letter(DeadLetterCode::Invalid, error),
            ErrorKind::Corrupt => Self::dead_letter(DeadLetterCode::Corrupt, error),
        }
    }
}

/// The wait for a throttled service that said so.
fn throttled_ms(said_ms: Option<u64>) -> u64 {
    said_ms.unwrap_or(THROTTLED_MS).max(THROTTLED_MS_MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_stay_within_a_quarter() {
        for (attempt, base) in
            [(1, 1_000), (2, 5_000), (3, 30_000), (4, 120_000), (5, 600_000), (99, 600_000)]
        {
            for random in [0, 1, 12_345, u64::MAX] {
                let wait = backoff_ms(attempt, random);
                assert!((base * 3 / 4..=base * 5 / 4).contains(&wait), "attempt {attempt}: {wait}");
            }
        }
    }

    #[test]
    fn throttling_spends_no_attempt_and_waits_as_told() {
        let error = PortError::new(ErrorKind::Throttled, "append").with_retry_after_ms(Some(7_000));
        assert_eq!(JobOutcome::from_port_error(&error, 3, 0), JobOutcome::Postpone { delay_ms: 7_000 });
    }

    #[test]
    fn a_throttled_job_pauses_even_if_the_service_asks_for_none() {
        for (said, waits) in [(Some(0), 1_000), (Some(999), 1_000), (Some(1_001), 1_001), (None, 2_000)] {
            let error = PortError::new(ErrorKind::Throttled, "embed").with_retry_after_ms(said);
            let outcome = JobOutcome::from_port_error(&error, 1, 0);
            assert_eq!(outcome, JobOutcome::Postpone { delay_ms: waits }, "{said:?}");
        }
    }
}
