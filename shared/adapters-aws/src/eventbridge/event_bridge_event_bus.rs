//! `EventBridgeEventBus`: events on a bus of EventBridge. Calls go one after the other, and none goes out after one that
//! failed for the time being: the relay repeats from the first failure, so that what came behind it would only come
//! twice and out of order.

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::operation::put_events::PutEventsOutput;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use millrace_domain::EventEnvelope;
use millrace_ports::{ErrorKind, EventBus, PortError};

use super::entry::{ENTRY_BYTES_MAX, Entry};
use crate::connection::{kind_of_code, port_error, repeated};

/// Entries of one call, as EventBridge has it.
const ENTRIES_MAX: usize = 10;

/// An event bus on EventBridge. Clones share the connection.
#[derive(Debug, Clone)]
pub struct EventBridgeEventBus {
    client: Client,
    bus: String,
}

/// An entry and its event's place among all that are published.
type Placed = (usize, Entry);

impl EventBridgeEventBus {
    /// The bus of this name or ARN.
    pub fn new(client: Client, bus: impl Into<String>) -> Self {
        Self { client, bus: bus.into() }
    }

    /// Asks for nothing to be published, so that the connection is open when it is needed. The service refuses that.
    ///
    /// # Errors
    /// As any other call.
    pub async fn ping(&self) -> Result<(), PortError> {
        let refused = self.client.put_events().set_entries(Some(Vec::new())).send().await;
        refused.map(drop).map_err(|error| self.failure(error, 0))
    }

    /// Publishes one call's events, and gives the answer of each.
    async fn put(&self, call: Vec<Placed>) -> Vec<(usize, Result<(), PortError>)> {
        let (places, entries): (Vec<usize>, Vec<_>) =
            call.into_iter().map(|(place, entry)| (place, entry.request)).unzip();
        let sent = self.client.put_events().set_entries(Some(entries)).send().await;
        match sent.map_err(|error| self.failure(error, places.len())) {
            Ok(sent) => {
                places.iter().enumerate().map(|(at, &place)| (place, answer(&sent, at, place))).collect()
            }
            Err(error) => {
                let error = Arc::new(error);
                places.into_iter().map(|place| (place, Err(repeated(&error, attempted(place))))).collect()
            }
        }
    }

    fn failure(
        &self,
        error: aws_sdk_eventbridge::error::SdkError<
            aws_sdk_eventbridge::operation::put_events::PutEventsError,
        >,
        count: usize,
    ) -> PortError {
        port_error(error, format!("publish {count} events on {}", self.bus), |error| match error.code()? {
            // An operator can mend a missing bus.
            "ResourceNotFoundException" => Some(ErrorKind::Unavailable),
            _ => None,
        })
    }
}

#[async_trait]
impl EventBus for EventBridgeEventBus {
    async fn publish(&self, events: &[EventEnvelope]) -> Vec<Result<(), PortError>> {
        let mut answers = Vec::with_capacity(events.len());
        let mut entries = Vec::new();
        for (place, event) in events.iter().enumerate() {
            answers.push(Entry::of(&self.bus, event).map(|entry| entries.push((place, entry))));
        }
        let mut stopped = None;
        for call in calls(entries) {
            let answered = match &stopped {
                None => self.put(call).await,
                Some(kind) => {
                    let behind =
                        |place| PortError::caused(*kind, attempted(place), "an event before it failed");
                    call.into_iter().map(|(place, _)| (place, Err(behind(place)))).collect()
                }
            };
            for (place, answer) in answered {
                if let Err(error) = &answer {
                    stopped = stopped.or_else(|| stops(error.kind));
                }
                answers[place] = answer;
            }
        }
        answers
    }
}

/// Whether later events wait, and as what: a bad event alone holds up nobody.
fn stops(kind: ErrorKind) -> Option<ErrorKind> {
    match kind {
        ErrorKind::Throttled | ErrorKind::Unavailable => Some(kind),
        ErrorKind::Conflict
        | ErrorKind::ClaimLost
        | ErrorKind::NotFound
        | ErrorKind::Invalid
        | ErrorKind::Corrupt => None,
    }
}

fn attempted(place: usize) -> String {
    format!("publish event {place}")
}

/// The answers stand in the order of the entries.
fn answer(sent: &PutEventsOutput, at: usize, place: usize) -> Result<(), PortError> {
    let Some(entry) = sent.entries().get(at) else {
        return Err(PortError::caused(ErrorKind::Unavailable, attempted(place), "no answer"));
    };
    let Some(code) = entry.error_code() else { return Ok(()) };
    let kind = match code {
        "InvalidAccountIdException" | "InvalidArgument" | "MalformedDetail" => ErrorKind::Invalid,
        // What we do not know may pass; the stream's own bound ends it.
        code => kind_of_code(code).unwrap_or(ErrorKind::Unavailable),
    };
    let cause = format!("{code}: {}", entry.error_message().unwrap_or("no message"));
    Err(PortError::caused(kind, attempted(place), cause))
}

/// Fills calls in order, each within the bounds on entries and bytes.
fn calls(entries: Vec<Placed>) -> Vec<Vec<Placed>> {
    let mut calls: Vec<Vec<Placed>> = Vec::new();
    let mut bytes = 0;
    for (place, entry) in entries {
        bytes += entry.bytes;
        match calls.last_mut() {
            Some(call) if call.len() < ENTRIES_MAX && bytes <= ENTRY_BYTES_MAX => call.push((place, entry)),
            _ => {
                bytes = entry.bytes;
                calls.push(vec![(place, entry)]);
            }
        }
    }
    calls
}
