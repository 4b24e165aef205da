//! When a call is tried again and after what pause. Decides only; waiting and sending happen in `transport.rs`.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use chrono::{DateTime, Utc};
use http::header::RETRY_AFTER;
use http::{HeaderMap, StatusCode};

/// Attempts at one call, the first included.
const ATTEMPTS_MAX: u32 = 7;
/// Attempts at the first connection: a server that does not run is soon said to be unreachable.
const FIRST_CONNECTION_ATTEMPTS_MAX: u32 = 3;
const PAUSE_FIRST: Duration = Duration::from_millis(200);
const PAUSE_MAX: Duration = Duration::from_secs(15);
/// Longest `Retry-After` that is waited for; beyond it the refusal goes to the user, who can decide.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(120);

/// How an attempt failed, as far as a repetition is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Obstacle {
    /// The server asks to come back: 429 or 503. It has not done the work.
    Busy {
        /// Its `Retry-After`, if it sent one that can be read.
        retry_after: Option<Duration>,
    },
    /// No connection: the server has not seen the request.
    NotConnected {
        /// Whether any earlier call of this run got through.
        reached_before: bool,
    },
    /// The request may or may not have been carried out: connection lost, 408, 502, 504.
    OutcomeUnknown,
}

/// The pause before the next attempt; none when it is time to give up. `attempt` counts from 1.
pub(crate) fn pause_before_retry(obstacle: Obstacle, attempt: u32, repeatable: bool) -> Option<Duration> {
    let attempts_max = match obstacle {
        Obstacle::NotConnected { reached_before: false } => FIRST_CONNECTION_ATTEMPTS_MAX,
        Obstacle::OutcomeUnknown if !repeatable => 1,
        Obstacle::Busy { .. } | Obstacle::NotConnected { .. } | Obstacle::OutcomeUnknown => ATTEMPTS_MAX,
    };
    if attempt >= attempts_max {
        return None;
    }
    match obstacle {
        Obstacle::Busy { retry_after: Some(wish) } if wish > RETRY_AFTER_MAX => None,
        Obstacle::Busy { retry_after: Some(wish) } => Some(wish),
        Obstacle::Busy { .. } | Obstacle::NotConnected { .. } | Obstacle::OutcomeUnknown => {
            Some(jittered(doubled(attempt)))
        }
    }
}

/// What an answer's status means for a repetition; none for an answer that stands.
pub(crate) fn obstacle_in(status: StatusCode, headers: &HeaderMap, now: DateTime<Utc>) -> Option<Obstacle> {
    match status {
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
            Some(Obstacle::Busy { retry_after: retry_after(headers, now) })
        }
        StatusCode::REQUEST_TIMEOUT | StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT => {
            Some(Obstacle::OutcomeUnknown)
        }
        _ => None,
    }
}

/// `Retry-After` in both of its forms: seconds, or a date.
fn retry_after(headers: &HeaderMap, now: DateTime<Utc>) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let date = DateTime::parse_from_rfc2822(text).ok()?;
    Some((date.with_timezone(&Utc) - now).to_std().unwrap_or(Duration::ZERO))
}

fn doubled(attempt: u32) -> Duration {
    PAUSE_FIRST.saturating_mul(1 << attempt.saturating_sub(1).min(16)).min(PAUSE_MAX)
}

/// Between half and all of the pause, so that many clients do not come back at once.
fn jittered(pause: Duration) -> Duration {
    let per_mille = 500 + RandomState::new().hash_one(()) % 501;
    pause.mul_f64(per_mille as f64 / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(retry_after: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(RETRY_AFTER, http::HeaderValue::from_static(retry_after))])
    }

    #[test]
    fn retry_after_is_read_as_seconds_and_as_a_date() {
        let now = DateTime::parse_from_rfc3339("2026-11-21T10:00:00Z").unwrap().to_utc();
        assert_eq!(retry_after(&headers("7"), now), Some(Duration::from_secs(7)));
        assert_eq!(
            retry_after(&headers("Sat, 21 Nov 2026 10:00:30 GMT"), now),
            Some(Duration::from_secs(30))
        );
        assert_eq!(retry_after(&headers("Sat, 21 Nov 2026 09:00:00 GMT"), now), Some(Duration::ZERO));
        assert_eq!(retry_after(&headers("soon"), now), None);
    }

    #[test]
    fn what_the_server_asks_for_is_waited_for_within_reason() {
        let busy = |seconds| Obstacle::Busy { retry_after: Some(Duration::from_secs(seconds)) };
        assert_eq!(pause_before_retry(busy(3), 1, false), Some(Duration::from_secs(3)));
        assert_eq!(pause_before_retry(busy(3_600), 1, false), None);
        assert_eq!(pause_before_retry(busy(3), ATTEMPTS_MAX, true), None);
    }

    #[test]
    fn a_request_that_may_have_been_done_is_repeated_only_if_that_is_harmless() {
        assert!(pause_before_retry(Obstacle::OutcomeUnknown, 1, true).is_some());
        assert!(pause_before_retry(Obstacle::OutcomeUnknown, 1, false).is_none());
    }

    #[test]
    fn a_server_never_reached_is_given_up_soon_and_one_that_restarts_is_waited_for() {
        let attempt = FIRST_CONNECTION_ATTEMPTS_MAX;
        assert!(
            pause_before_retry(Obstacle::NotConnected { reached_before: false }, attempt, true).is_none()
        );
        assert!(
            pause_before_retry(Obstacle::NotConnected { reached_before: true }, attempt, false).is_some()
        );
    }

    #[test]
    fn pauses_grow_to_a_bound() {
        for attempt in 1..=ATTEMPTS_MAX {
            let pause = jittered(doubled(attempt));
            assert!(pause >= PAUSE_FIRST / 2 && pause <= PAUSE_MAX, "{pause:?}");
        }
        assert_eq!(doubled(2), PAUSE_FIRST * 2);
        assert_eq!(doubled(40), PAUSE_MAX);
    }
}
