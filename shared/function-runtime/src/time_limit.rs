//! How long an invocation may still work. What Lambda ends in the middle is repeated whole; what was not begun costs nothing.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Time kept for steering messages and answering after the last piece of work.
const RESERVE: Duration = Duration::from_secs(2);

/// The end of the time for work, if there is one.
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

    /// Ends a little before Lambda ends the invocation.
    pub fn of_invocation(context: &lambda_runtime::Context) -> Self {
        let deadline = UNIX_EPOCH + Duration::from_millis(context.deadline);
        let left = deadline.duration_since(SystemTime::now()).unwrap_or_default();
        Self::after(left.saturating_sub(RESERVE))
    }

    /// Whether work may still begin.
    pub fn has_time(&self) -> bool {
        self.end.is_none_or(|end| Instant::now() < end)
    }
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
        assert!(TimeLimit::NONE.has_time());
        assert!(TimeLimit::of_invocation(&context(Duration::from_secs(60))).has_time());
        assert!(!TimeLimit::of_invocation(&context(Duration::from_secs(1))).has_time());
        assert!(!TimeLimit::of_invocation(&context(Duration::ZERO)).has_time());
    }
}
