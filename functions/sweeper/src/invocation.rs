//! The sweeper's two kinds of invocation, told apart by their shape.

use aws_lambda_events::event::eventbridge::EventBridgeEvent;
use aws_lambda_events::event::sqs::SqsEvent;
use serde::Deserialize;
use serde_json::Value;

/// What invoked the function.
#[derive(Debug, Deserialize)]
#[serde(from = "Value")]
pub enum Invocation {
    /// Messages of the `purge` queue.
    Purges(SqsEvent),
    /// The schedule.
    Schedule(Box<EventBridgeEvent>),
    /// Neither; the text says why.
    Unknown(String),
}

impl From<Value> for Invocation {
    fn from(value: Value) -> Self {
        if value.get("Records").is_some() {
            return match serde_json::from_value(value) {
                Ok(event) => Self::Purges(event),
                Err(error) => Self::Unknown(error.to_string()),
            };
        }
        match serde_json::from_value(value) {
            Ok(event) => Self::Schedule(Box::new(event)),
            Err(error) => Self::Unknown(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Invocation {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn the_queue_and_the_schedule_are_told_apart() {
        assert!(matches!(read(r#"{"Records":[]}"#), Invocation::Purges(_)));
        let schedule = r#"{"version":"0","id":"1","detail-type":"Scheduled Event","source":"aws.events",
            "account":"1","time":"2026-01-02T03:04:05Z","region":"eu-central-1","resources":[],"detail":{}}"#;
        assert!(matches!(read(schedule), Invocation::Schedule(_)));
        assert!(matches!(read(r#"{"Records":7}"#), Invocation::Unknown(_)));
        assert!(matches!(read("[]"), Invocation::Unknown(_)));
    }
}
