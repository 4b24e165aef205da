//! The event bus of a single node: matches events against the rules and puts them on the subscribers' queues, in the
//! JSON that EventBridge delivers, so that the same subscribers run in both places. Keeps nothing itself.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use millrace_domain::{EVENT_SOURCE, EventEnvelope, QueueName, Timestamp};
use millrace_ports::{
    ErrorKind, EventBus, JobQueue, OutgoingMessage, PortError, TRACEPARENT, permitted_json,
};
use serde::Serialize;

/// Which event types a rule takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventPattern {
    /// Every type that begins so.
    Prefix(String),
    /// These types.
    Types(Vec<String>),
}

impl EventPattern {
    /// Whether events of this type are taken.
    pub fn matches(&self, event_type: &str) -> bool {
        match self {
            Self::Prefix(prefix) => event_type.starts_with(prefix.as_str()),
            Self::Types(types) => types.iter().any(|taken| taken == event_type),
        }
    }
}

/// Which events go to a subscriber's queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// The subscriber's queue.
    pub subscriber: QueueName,
    /// What it subscribes to.
    pub pattern: EventPattern,
}

/// Routes events to queues.
pub struct LocalEventBus {
    queue: Arc<dyn JobQueue>,
    rules: Vec<Rule>,
}

impl fmt::Debug for LocalEventBus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalEventBus").field("rules", &self.rules).finish_non_exhaustive()
    }
}

impl LocalEventBus {
    /// A bus with these rules. A subscriber with several gets an event once if any of them matches.
    pub fn new(queue: Arc<dyn JobQueue>, rules: &[Rule]) -> Self {
        Self { queue, rules: rules.to_vec() }
    }

    /// For each subscriber, in the order of the queues' names, the positions of the events it gets.
    fn routes(&self, events: &[EventEnvelope]) -> BTreeMap<QueueName, Vec<usize>> {
        let mut routes: BTreeMap<QueueName, Vec<usize>> = BTreeMap::new();
        for (position, event) in events.iter().enumerate() {
            for rule in &self.rules {
                let route = routes.entry(rule.subscriber).or_default();
                if rule.pattern.matches(event.event.type_name()) && route.last() != Some(&position) {
                    route.push(position);
                }
            }
        }
        routes
    }
}

#[async_trait]
impl EventBus for LocalEventBus {
    async fn publish(&self, events: &[EventEnvelope]) -> Vec<Result<(), PortError>> {
        let (messages, mut failure) = messages(events);
        for (subscriber, mut positions) in self.routes(&events[..messages.len()]) {
            // Whoever publishes goes on from the first failure; a subscriber would get what is behind it twice.
            if let Some((first, _)) = &failure {
                positions.retain(|position| position < first);
            }
            if positions.is_empty() {
                continue;
            }
            let batch = positions.iter().map(|position| messages[*position].clone()).collect();
            let sent = self.queue.send(subscriber, batch).await;
            let failed = positions.into_iter().zip(sent).find_map(|(at, sent)| Some((at, sent.err()?)));
            failure = failed.or(failure);
        }
        let first = failure.as_ref().map_or(events.len(), |(first, _)| *first);
        let behind = |event: &EventEnvelope| Err(behind(event));
        let taken = events[..first].iter().map(|_| Ok(()));
        let kept_back = events.iter().skip(first + 1).map(behind);
        taken.chain(failure.map(|(_, error)| Err(error))).chain(kept_back).collect()
    }
}

/// The answer for an event that stands behind one that failed.
fn behind(event: &EventEnvelope) -> PortError {
    let attempted = format!("publish event {}", event.id);
    PortError::caused(ErrorKind::Unavailable, attempted, "an event before it failed")
}

/// The messages of events in their order, up to the first that no queue would take, and why.
fn messages(events: &[EventEnvelope]) -> (Vec<OutgoingMessage>, Option<(usize, PortError)>) {
    let mut messages = Vec::with_capacity(events.len());
    for event in events {
        match message(event) {
            Ok(message) => messages.push(message),
            Err(error) => {
                let at = messages.len();
                return (messages, Some((at, error)));
            }
        }
    }
    (messages, None)
}

/// An event as EventBridge delivers it to a target.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Delivered<'a> {
    version: &'static str,
    id: String,
    detail_type: &'static str,
    source: &'static str,
    account: &'static str,
    time: Timestamp,
    region: &'static str,
    resources: [&'static str; 0],
    detail: &'a EventEnvelope,
}

fn message(event: &EventEnvelope) -> Result<OutgoingMessage, PortError> {
    let delivered = Delivered {
        version: "0",
        id: event.id.to_string(),
        detail_type: event.event.type_name(),
        source: EVENT_SOURCE,
        account: "000000000000",
        time: event.time,
        region: "local",
        resources: [],
        detail: event,
    };
    let attempted = || format!("publish event {}", event.id);
    let body = serde_json::to_string(&delivered)
        .map(permitted_json)
        .map_err(|error| PortError::caused(ErrorKind::Invalid, attempted(), error))?;
    let traceparent = event.trace.traceparent.iter();
    let message = OutgoingMessage {
        body,
        group: Some(event.tenant_id.to_string()),
        delay_ms: 0,
        attributes: traceparent.map(|value| (TRACEPARENT.to_owned(), value.clone())).collect(),
    };
    message.check().map_err(|rule| PortError::caused(ErrorKind::Invalid, attempted(), rule))?;
    Ok(message)
}
