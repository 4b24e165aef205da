//! What event sources and clients do: deliver messages as Lambda does, relay the journal, fire the schedule, send requests.
//! Every event goes through its JSON, so that what a handler gets is what Lambda would give it.
#![expect(clippy::expect_used, reason = "the adapters beneath do not fail by themselves")]

use std::pin::pin;

use aws_lambda_events::event::dynamodb::Event as StreamEvent;
use aws_lambda_events::event::eventbridge::EventBridgeEvent;
use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{FutureExt as _, StreamExt as _, stream};
use millrace_application::{AcceptError, Accepted, AnnouncedContent, ContentUpload, Replaced, SweepReport};
use millrace_domain::{
    ByteSize, CollectionName, ContentHash, DocumentKey, IdempotencyKey, Job, JobEnvelope, QueueName,
};
use millrace_function_runtime::{to_sqs_event, to_stream_record};
use millrace_ports::{IdGenerator as _, OutgoingMessage, PortError, Receipt, UploadGrant};
use millrace_test_support::builders::{tenant, trace};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::{SAMPLE_TENANT, World};

/// The relay's name as a reader of the journal.
const RELAY: &str = "event-relay";
/// Most rounds until everything must have come to rest.
const ROUNDS_MAX: usize = 400;
/// How far the clock moves on when nothing can be done now, in milliseconds.
const PAUSE_MS: u64 = 20_000;

/// What became of an invocation.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// There was no message.
    Nothing,
    /// A call halted and the process died: nothing was answered.
    Died,
    /// The handler answered so.
    Response(Value),
}

/// What became of an SQS event whose messages lie in the queue.
#[derive(Debug, Clone, PartialEq)]
pub struct SqsAnswer {
    /// The handler's response.
    pub response: Value,
    /// Identifiers of the messages that come again.
    pub failed: Vec<String>,
}

impl World {
    /// Calls the handler of a queue.
    pub async fn handle(&self, queue: QueueName, event: SqsEvent) -> SqsBatchResponse {
        let event = through_json(event);
        let jobs = &*self.ingest_queue();
        match queue {
            QueueName::Ingest => millrace_chunk_worker::handle(&self.ingest, jobs, event).await,
            QueueName::Embed => millrace_embed_worker::handle(&self.embed, jobs, event).await,
            QueueName::Purge => millrace_sweeper::handle_purges(&self.purges, jobs, event).await,
            QueueName::Projector => millrace_projector::handle(&self.project, jobs, event).await,
            QueueName::Uploads => millrace_upload_completer::handle(&self.complete, jobs, event).await,
        }
    }

    /// Receives up to `most` messages, calls the handler, deletes what it did not report. If a call halts, the process
    /// is dead: its messages come again after their visibility timeout.
    pub async fn deliver(&self, queue: QueueName, most: usize) -> Answer {
        let received = self.behind.consumer.receive(queue, most, 0).await.expect("receive works");
        if received.is_empty() {
            return Answer::Nothing;
        }
        let sent: Vec<_> = received.iter().map(|m| (m.message_id.clone(), m.receipt.clone())).collect();
        let mut work = pin!(async {
            let response = self.handle(queue, to_sqs_event(queue, received)).await;
            self.delete_done(queue, &sent, &response).await;
            to_json(&response)
        });
        match self.faults.until_halt(work.as_mut()).await {
            Some(response) => Answer::Response(response),
            None => {
                self.faults.resume();
                Answer::Died
            }
        }
    }

    /// Works off what waits until a call halts, and gives the invocation that stands still; `None` if none did. After
    /// `FaultPlan::resume` it can be awaited, as a process that goes on; or be dropped, as one that died.
    pub async fn until_halt(&self) -> Option<BoxFuture<'_, ()>> {
        for queue in [QueueName::Ingest, QueueName::Embed, QueueName::Purge] {
            loop {
                let received = self.behind.consumer.receive(queue, 1, 0).await.expect("receive works");
                if received.is_empty() {
                    break;
                }
                let sent: Vec<_> =
                    received.iter().map(|m| (m.message_id.clone(), m.receipt.clone())).collect();
                let mut work = async move {
                    let response = self.handle(queue, to_sqs_event(queue, received)).await;
                    self.delete_done(queue, &sent, &response).await;
                }
                .boxed();
                if self.faults.until_halt(work.as_mut()).await.is_none() {
                    return Some(work);
                }
            }
        }
        None
    }

    /// Gives a handler an event whose messages are put into the queue first: the event keeps its identifiers and gets
    /// receipts that are good.
    pub async fn deliver_event(&self, queue: QueueName, mut event: SqsEvent) -> SqsAnswer {
        let mut sent = Vec::new();
        for record in &mut event.records {
            let message = millrace_function_runtime::received_message(record).expect("the record is whole");
            let outgoing = OutgoingMessage {
                body: message.body,
                group: message.group,
                delay_ms: 0,
                attributes: message.attributes,
            };
            let answers = self.behind.queue.send(queue, vec![outgoing]).await;
            answers.into_iter().collect::<Result<Vec<_>, _>>().expect("send works");
            let received = self.behind.consumer.receive(queue, 1, 0).await.expect("receive works");
            let receipt = received.first().expect("the message was just sent").receipt.clone();
            record.receipt_handle = Some(receipt.0.clone());
            sent.push((message.message_id, receipt));
        }
        let response = self.handle(queue, event).await;
        self.delete_done(queue, &sent, &response).await;
        let failed = response.batch_item_failures.iter().map(|item| item.item_identifier.clone()).collect();
        SqsAnswer { response: to_json(&response), failed }
    }

    async fn delete_done(&self, queue: QueueName, sent: &[(String, Receipt)], response: &SqsBatchResponse) {
        let failed =
            |id: &String| response.batch_item_failures.iter().any(|item| item.item_identifier == *id);
        let done: Vec<_> =
            sent.iter().filter(|(id, _)| !failed(id)).map(|(_, receipt)| receipt.clone()).collect();
        // A deletion that fails is a message that comes again.
        let _ = self.consumer.delete(queue, &done).await;
    }

    /// Gives the relay what the journal has; whether there was anything.
    pub async fn relay(&self) -> bool {
        let read = self.journal.read(RELAY, 100).await.expect("the journal can be read");
        let Some((last, _)) = read.last() else { return false };
        let record = |(position, envelope): &(i64, _)| to_stream_record(envelope, position.unsigned_abs());
        let mut event = StreamEvent::default();
        event.records = read.iter().map(record).collect();
        let mut work = pin!(millrace_event_relay::handle(&self.publish, through_json(event)));
        let Some(response) = self.faults.until_halt(work.as_mut()).await else {
            self.faults.resume();
            return true;
        };
        let failed = response.batch_item_failures.first().and_then(|item| item.item_identifier.clone());
        let failed: Option<i64> = failed.and_then(|position| position.parse().ok());
        self.journal
            .advance(RELAY, failed.map_or(*last, |position| position - 1))
            .await
            .expect("the journal can be advanced");
        true
    }

    /// Fires the schedule.
    pub async fn fire_schedule(&self) -> Result<SweepReport, PortError> {
        let mut event = EventBridgeEvent::default();
        event.detail_type = "Scheduled Event".into();
        event.source = "aws.events".into();
        millrace_sweeper::handle_schedule(&self.sweep, event).await
    }

    /// Works off everything that waits now, and nothing that becomes due later. Whether there was anything.
    pub async fn work_off(&self) -> bool {
        let mut any = false;
        for _ in 0..ROUNDS_MAX {
            let mut found = self.relay().await;
            for queue in QueueName::ALL {
                found |= self.deliver(queue, 10).await != Answer::Nothing;
            }
            if !found {
                return any;
            }
            any = true;
        }
        panic!("messages did not come to an end");
    }

    /// Lets time pass and works everything off until nothing is left on any queue. The schedule does not fire: what
    /// is done here is done by messages alone.
    pub async fn settle(&self) {
        for _ in 0..ROUNDS_MAX {
            self.work_off().await;
            if self.is_idle().await {
                return;
            }
            self.clock.advance_ms(PAUSE_MS);
        }
        panic!("messages did not come to an end");
    }

    /// Whether nothing waits, is in flight or delayed.
    pub async fn is_idle(&self) -> bool {
        for queue in QueueName::ALL {
            let depth = self.depth(queue).await;
            if depth.visible + depth.in_flight + depth.delayed > 0 {
                return false;
            }
        }
        true
    }

    /// A text on its way in.
    pub fn content(&self, text: &str, idempotency_key: Option<&str>) -> ContentUpload {
        let bytes = Bytes::copy_from_slice(text.as_bytes());
        let key = |key| IdempotencyKey::new(key).expect("the test names a valid key");
        ContentUpload {
            collection: CollectionName::default(),
            filename: "notes.txt".into(),
            declared_media_type: Some("text/plain".into()),
            metadata: serde_json::Map::new(),
            idempotency_key: idempotency_key.map(key),
            trace: trace(&*self.ids),
            content: stream::iter([Ok(bytes)]).boxed(),
        }
    }

    /// Uploads a text as a client does.
    pub async fn try_upload(
        &self,
        text: &str,
        idempotency_key: Option<&str>,
    ) -> Result<Accepted, AcceptError> {
        self.upload.run(tenant(SAMPLE_TENANT), self.content(text, idempotency_key)).await
    }

    /// The same, where nothing can go wrong.
    pub async fn upload(&self, text: &str) -> DocumentKey {
        self.try_upload(text, None).await.expect("the upload is accepted").key
    }

    /// Uploads a text and works everything off.
    pub async fn ready(&self, text: &str) -> DocumentKey {
        let key = self.upload(text).await;
        self.settle().await;
        key
    }

    /// Announces a text, of a new document or of a document's next generation, and gives the grant that was signed.
    pub async fn announce(&self, text: &str, replaced: Option<Replaced>) -> UploadGrant {
        let content = AnnouncedContent {
            collection: CollectionName::default(),
            filename: "notes.txt".into(),
            declared_media_type: Some("text/plain".into()),
            size: ByteSize::new(text.len() as u64),
            sha256: ContentHash::from_digest(Sha256::digest(text).into()),
            metadata: serde_json::Map::new(),
            idempotency_key: None,
            trace: trace(&*self.ids),
        };
        let started = self.start.run(tenant(SAMPLE_TENANT), replaced, content).await;
        let url = started.expect("the upload is started").signed.url;
        let query = url.split_once('?').expect("the URL has a query").1;
        self.behind.receiver.verify(query).expect("the URL was signed here")
    }

    /// Puts a text to where it was announced; its notification waits.
    pub async fn put(&self, grant: &UploadGrant, text: &str) {
        let bytes = Bytes::copy_from_slice(text.as_bytes());
        self.receive.run(grant, stream::iter([Ok(bytes)]).boxed()).await.expect("the bytes are taken");
    }

    /// Announces and puts a text.
    pub async fn put_by_url(&self, text: &str, replaced: Option<Replaced>) -> UploadGrant {
        let grant = self.announce(text, replaced).await;
        self.put(&grant, text).await;
        grant
    }

    /// A document as a client that replaces it sees it.
    pub async fn replaced(&self, key: &DocumentKey) -> Replaced {
        Replaced::of(key.clone(), &self.document(key).await, None)
    }

    /// Replaces a document's content.
    pub async fn replace(&self, key: &DocumentKey, text: &str) -> Accepted {
        let content = self.content(text, None);
        self.replace.run(key.clone(), None, content).await.expect("the replacement is accepted")
    }

    /// Sends a job as a use case would.
    pub async fn send(&self, key: &DocumentKey, job: Job) {
        let queue = job.queue();
        let (tenant_id, document_id) = (key.tenant_id.clone(), key.document_id);
        let envelope = JobEnvelope { tenant_id, document_id, job, trace: trace(&*self.ids) };
        let message = OutgoingMessage { body: envelope.to_body(), ..OutgoingMessage::default() };
        let sent = self.behind.queue.send(queue, vec![message]).await;
        sent.into_iter().collect::<Result<Vec<_>, _>>().expect("send works");
    }

    /// Loses every message that waits on a queue, as if they had never been sent. Gives how many there were.
    pub async fn drop_messages(&self, queue: QueueName) -> usize {
        let received = self.behind.consumer.receive(queue, 100, 0).await.expect("receive works");
        let receipts: Vec<_> = received.into_iter().map(|message| message.receipt).collect();
        self.behind.consumer.delete(queue, &receipts).await.expect("delete works");
        receipts.len()
    }

    /// A document that has not been uploaded.
    pub fn new_key(&self) -> DocumentKey {
        DocumentKey { tenant_id: tenant(SAMPLE_TENANT), document_id: self.ids.document_id() }
    }
}

fn to_json<T: serde::Serialize>(value: &T) -> Value {
    serde_json::to_value(value).expect("an answer has string keys")
}

/// What arrives of an event that is sent as JSON.
fn through_json<T: serde::Serialize + serde::de::DeserializeOwned>(event: T) -> T {
    serde_json::from_value(to_json(&event)).expect("an event reads what it wrote")
}
