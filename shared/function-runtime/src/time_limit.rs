//! How long an invocation may still work. What Lambda ends in the middle is repeated whole; what was not begun costs nothing.
//! It only says whether work may begin: nothing here interrupts work that has begun.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Time kept for steering messages and answering after the last piece of work.
const RESERVE: Duration = Duration::from_secs(2);
/// Of a short timeout this part is kept instead: a function of three seconds must not refuse all work.
const RESERVE_PART: u32 = 4;
/// The day Lambda was announced, 2014-11-13, in milliseconds of Unix time. No invocation ended before; what `cargo lambda watch`
/// gives as its deadline (600,000) is the length of an invocation.
const FIRST_DEADLINE_MS: u64 = 1_415_836_800_000;

/// The end of the time for work, if there is one.
///
/// When Lambda ends an invocation at its timeout, the messages that it had done come again too, since nobody reported them.
/// So the drivers begin no message after this limit, and give back what they did not begin. It helps if messages are short
/// beside the function's timeout; for one that alone takes longer, only a longer timeout does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeLimit {
    end: Option<Instant>,
}

impl TimeLimit {
    /// No end: a process that is not a Lambda function.
    pub const NONE: Self = Self { end: None };

    /// Ends after this time from now.
    pub fn after(time: Duration) -> Self {
        Self { end: Instant::now().checked_add(time) }
    }

    /// Ends a little before Lambda ends the invocation: two seconds, or a quarter of the time that is left if that is less.
    pub fn of_invocation(context: &lambda_runtime::Context) -> Self {
        let deadline = Duration::from_millis(context.deadline);
        let left = if context.deadline < FIRST_DEADLINE_MS {
            deadline
        } else {
            (UNIX_EPOCH + deadline).duration_since(SystemTime::now()).unwrap_or_default()
        };
        Self::after(left - reserve(left))
    }

    /// Whether work may still begin.
    pub fn has_time(&self) -> bool {
        self.end.is_none_or(|end| Instant::now() < end)
    }
}

/// Never more than what is left.
fn reserve(left: Duration) -> Duration {
    RESERVE.min(left / RESERVE_PART)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(left: Duration) -> lambda_runtime::Context {
        let deadline = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + left;
        let mut context = lambda_runtime::Context::default();
        context.deadline = deadline.as_millis() as u64;
        context
    }

    #[test]
    fn work_begins_until_shortly_before_the_end() {
        let begun = Instant::now();
        let TimeLimit { end: Some(end) } = TimeLimit::of_invocation(&context(Duration::from_secs(60))) else {
            panic!("an invocation has an end")
        };
        let (earliest, latest) = (begun + Duration::from_secs(57), Instant::now() + Duration::from_secs(58));
        assert!((earliest..=latest).contains(&end));
    }

    #[test]
    fn a_function_with_a_short_timeout_works_too() {
        assert_eq!(reserve(Duration::from_secs(3)), Duration::from_millis(750));
        assert_eq!(reserve(Duration::from_secs(900)), Duration::from_secs(2));
        assert!(TimeLimit::of_invocation(&context(Duration::from_secs(1))).has_time());
    }

    #[test]
    fn without_an_end_there_is_always_time_and_after_it_never() {
        assert!(TimeLimit::NONE.has_time());
        assert!(TimeLimit::after(Duration::MAX).has_time(), "beyond what the clock can tell");
        assert!(!TimeLimit::after(Duration::ZERO).has_time());
        assert!(!TimeLimit::of_invocation(&context(Duration::ZERO)).has_time());
        assert!(
            !TimeLimit::of_invocation(&lambda_runtime::Context::default()).has_time(),
            "a deadline long past"
        );
    }

    #[test]
    fn a_tool_that_gives_a_length_instead_of_an_instant_gets_its_work_done() {
        let mut context = lambda_runtime::Context::default();
        context.deadline = 600_000;
        assert!(TimeLimit::of_invocation(&context).has_time());
        context.deadline = FIRST_DEADLINE_MS;
        assert!(!TimeLimit::of_invocation(&context).has_time(), "an instant, and past");
    }
}
