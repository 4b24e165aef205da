//! `EventBridgeEventBus`: events on a bus of EventBridge. Of the entries of one call any may fail while those behind it are
//! taken, so no call holds two events of a document. Calls go one after the other, and none after a failure: the relay
//! repeats from it, so that what came behind it would only come twice and out of order.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::operation::put_events::PutEventsOutput;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use millrace_domain::{DocumentKey, EventEnvelope};
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

    /// The calls of events in their order, up to the first that is no entry: that one and those behind it are answered with
    /// an error at once, the others with `Ok` for the time being.
    fn plan(&self, events: &[EventEnvelope]) -> (Vec<Call>, Vec<Result<(), PortError>>) {
        let mut calls = Calls::default();
        let mut answers = Vec::with_capacity(events.len());
        let mut stopped = None;
        for (place, event) in events.iter().enumerate() {
            answers.push(match stopped {
                None => Entry::of(&self.bus, event).map(|entry| calls.add(event.key(), (place, entry))),
                Some(kind) => Err(behind(kind, place)),
            });
            if let Err(error) = &answers[place] {
                stopped.get_or_insert(kind_behind(error.kind));
            }
        }
        (calls.filled, answers)
    }

    /// Publishes one call's events, and gives the answer of each.
    async fn put(&self, call: Call) -> Vec<(usize, Result<(), PortError>)> {
        let (places, entries): (Vec<usize>, Vec<_>) =
            call.entries.into_iter().map(|(place, entry)| (place, entry.request)).unzip();
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
        let (calls, mut answers) = self.plan(events);
        let mut stopped = None;
        for call in calls {
            let answered = match stopped {
                None => self.put(call).await,
                Some(kind) => {
                    call.entries.into_iter().map(|(place, _)| (place, Err(behind(kind, place)))).collect()
                }
            };
            for (place, answer) in answered {
                if let Err(error) = &answer {
                    stopped.get_or_insert(kind_behind(error.kind));
                }
                answers[place] = answer;
            }
        }
        answers
    }
}

/// The answer of an event that was not handed over, because another one failed.
fn behind(kind: ErrorKind, place: usize) -> PortError {
    PortError::caused(kind, attempted(place), "an event before it failed")
}

/// What a failure means for those that are kept back by it: they are not at fault, whatever it was.
fn kind_behind(kind: ErrorKind) -> ErrorKind {
    match kind {
        ErrorKind::Throttled => ErrorKind::Throttled,
        ErrorKind::Conflict
        | ErrorKind::ClaimLost
        | ErrorKind::NotFound
        | ErrorKind::Unavailable
        | ErrorKind::Invalid
        | ErrorKind::Corrupt => ErrorKind::Unavailable,
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

/// One call: within the bounds on entries and bytes, and of no document twice.
#[derive(Debug, Default)]
struct Call {
    entries: Vec<Placed>,
    bytes: usize,
}

/// Calls in the order in which they go out.
#[derive(Debug, Default)]
struct Calls {
    filled: Vec<Call>,
    /// The first call that may hold a document's next event: the one behind its last.
    next: HashMap<DocumentKey, usize>,
}

impl Calls {
    /// Adds an entry to the first call that has room for it and comes after all its document's earlier ones. So an event may
    /// overtake those of other documents, and calls are full unless few documents have nearly all events.
    fn add(&mut self, key: DocumentKey, (place, entry): Placed) {
        let next = self.next.entry(key).or_default();
        let has_room =
            |call: &Call| call.entries.len() < ENTRIES_MAX && call.bytes + entry.bytes <= ENTRY_BYTES_MAX;
        let at = (*next..self.filled.len()).find(|at| has_room(&self.filled[*at]));
        let at = at.unwrap_or_else(|| {
            self.filled.push(Call::default());
            self.filled.len() - 1
        });
        *next = at + 1;
        let call = &mut self.filled[at];
        call.bytes += entry.bytes;
        call.entries.push((place, entry));
    }
}
