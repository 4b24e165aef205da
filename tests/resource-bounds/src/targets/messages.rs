//! What workers are sent and what they read: batches of jobs, events on a queue, records of the journal's stream, notices of
//! the object store, stored events, stored chunks. Whatever comes, a decoder says yes or no; what it says yes to, it writes
//! and reads again as the same.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use aws_lambda_events::event::dynamodb::Event as StreamEvent;
use aws_lambda_events::event::sqs::SqsEvent;
use futures::FutureExt as _;
use millrace_adapters_local::{Database, SqliteJobQueue};
use millrace_application::{ChunkFile, JobOutcome};
use millrace_domain::{EventEnvelope, JobEnvelope, QueueName};
use millrace_function_runtime::{
    envelope_of_bus_event, envelopes_of_record, run_job_batch, to_stream_record,
};
use millrace_ports::{BlobKey, Clock, QueuePolicy};
use millrace_test_support::SimClock;
use millrace_upload_completer::created_contents;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Input, Judged, Target, Verdict, panic_text};
use crate::corpus::{CorpusFile, corpus_files};
use crate::json_mutation::mutate_json;
use crate::mutation::mutate;
use crate::random::Random;

const WORDS: &[&[u8]] = &[
    b"{",
    b"}",
    b"[",
    b"]",
    b"\"",
    b":",
    b",",
    b"null",
    b"true",
    b"{}",
    b"[]",
    b"\"\"",
    b"-1",
    b"0",
    b"1e400",
    b"0.5",
    b"18446744073709551615",
    b"18446744073709551616",
    b"\\\"",
    b"\\u0000",
    b"\\ud800",
    b"\"generation\":0,",
    b"\"generation\":4294967296,",
    b"\"job\":\"embed_chunks\",",
    b"\"job\":\"purge_document\",",
    b"\"batch\":0,",
    b"\"schema_version\":2,",
    b"\"schema_version\":0,",
    b"\"sequence\":0,",
    b"\"tenant_id\":\"../x\",",
    b"\"eventName\":\"MODIFY\",",
    b"\"NewImage\":{},",
    b"{\"S\":\"\"}",
    b"{\"N\":\"x\"}",
    b"{\"B\":\"%%\"}",
    b"\"type\":\"millrace.document.chunked\",",
    b"\"time\":\"9999-99-99T99:99:99Z\",",
    b"\"traceparent\":\"00-0\",",
    b"\"Records\":[],",
    b"\"body\":null,",
    b"\"attributes\":{\"ApproximateReceiveCount\":\"-1\"},",
    b"\"SentTimestamp\":\"99999999999999999999\",",
    b"\"id\":\"00000000-0000-0000-0000-000000000000\",",
];

/// Which of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageKind {
    /// A batch of SQS messages with jobs.
    Jobs,
    /// The text of one job.
    Job,
    /// An EventBridge event on a subscriber's queue.
    BusEvent,
    /// A batch of the journal's stream.
    StreamRecords,
    /// An event as it is stored.
    StoredEvent,
    /// What the object store says of a content that was put.
    UploadNotice,
    /// One batch of chunks as it is stored.
    ChunkFile,
}

impl MessageKind {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Jobs,
        Self::Job,
        Self::BusEvent,
        Self::StreamRecords,
        Self::StoredEvent,
        Self::UploadNotice,
        Self::ChunkFile,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Jobs => "jobs",
            Self::Job => "job",
            Self::BusEvent => "bus-event",
            Self::StreamRecords => "stream-records",
            Self::StoredEvent => "stored-event",
            Self::UploadNotice => "upload-notice",
            Self::ChunkFile => "chunk-file",
        }
    }

    /// Folders of sample invocations and golden files that are seeds beside the corpus.
    fn samples(self) -> &'static [&'static str] {
        match self {
            Self::Jobs => &["chunk-worker", "embed-worker", "sweeper"],
            Self::StreamRecords => &["event-relay"],
            Self::StoredEvent => &["stored"],
            Self::Job | Self::BusEvent | Self::UploadNotice | Self::ChunkFile => &[],
        }
    }
}

/// One of them with its seeds.
#[derive(Debug)]
pub struct MessageTarget {
    kind: MessageKind,
    seeds: Vec<CorpusFile>,
    queue: SqliteJobQueue,
}

impl MessageTarget {
    /// The target.
    ///
    /// # Errors
    /// If its seeds cannot be read.
    pub fn new(kind: MessageKind) -> anyhow::Result<Self> {
        let mut seeds = corpus_files(kind.name())?;
        let events = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events");
        for folder in kind.samples() {
            read_folder(&events.join(folder), &mut seeds)?;
        }
        anyhow::ensure!(!seeds.is_empty(), "no seeds for {}", kind.name());
        let clock: Arc<dyn Clock> = Arc::new(SimClock::default());
        let policy = QueuePolicy { visibility_timeout_ms: 30_000, receives_max: 5 };
        let policies: HashMap<_, _> = QueueName::ALL.into_iter().map(|queue| (queue, policy)).collect();
        let queue = SqliteJobQueue::new(Database::open_in_memory()?, clock, policies);
        Ok(Self { kind, seeds, queue })
    }

    async fn decode(&self, bytes: &[u8]) -> Result<&'static str, String> {
        match self.kind {
            MessageKind::Jobs => self.jobs(bytes).await,
            MessageKind::Job => repeats::<JobEnvelope>(bytes),
            MessageKind::StoredEvent => repeats::<EventEnvelope>(bytes),
            MessageKind::BusEvent => {
                let Ok(text) = std::str::from_utf8(bytes) else { return Ok("no text") };
                Ok(if envelope_of_bus_event(text).is_ok() { "read" } else { "refused" })
            }
            MessageKind::StreamRecords => stream_records(bytes),
            MessageKind::UploadNotice => upload_notice(bytes),
            MessageKind::ChunkFile => chunk_file(bytes),
        }
    }

    /// Each message is handled, or dead-lettered, or reported as failed.
    async fn jobs(&self, bytes: &[u8]) -> Result<&'static str, String> {
        let Ok(event) = serde_json::from_slice::<SqsEvent>(bytes) else { return Ok("no event") };
        let messages = event.records.len();
        let handled = AtomicUsize::new(0);
        let handle = |_| {
            handled.fetch_add(1, Ordering::Relaxed);
            std::future::ready(JobOutcome::Acknowledge)
        };
        let response = run_job_batch(event, QueueName::Ingest, &self.queue, 2, handle).await;
        let failed = response.batch_item_failures.len();
        let handled = handled.into_inner();
        if handled + failed > messages {
            return Err(format!("{messages} messages, {handled} handled and {failed} failed"));
        }
        Ok(if handled > 0 { "read" } else { "refused" })
    }
}

fn stream_records(bytes: &[u8]) -> Result<&'static str, String> {
    let Ok(event) = serde_json::from_slice::<StreamEvent>(bytes) else { return Ok("no event") };
    let mut outcome = "nothing new";
    for record in &event.records {
        let Ok(envelopes) = envelopes_of_record(record) else { return Ok("refused") };
        for envelope in envelopes {
            let again = envelopes_of_record(&to_stream_record(&envelope, 1));
            if !matches!(again.as_deref(), Ok([read]) if *read == envelope) {
                return Err(format!("{envelope:?} is read again as {again:?}"));
            }
            outcome = "read";
        }
    }
    Ok(outcome)
}

/// Whatever a notice names, it is the key of one upload's content.
fn upload_notice(bytes: &[u8]) -> Result<&'static str, String> {
    let Ok(text) = std::str::from_utf8(bytes) else { return Ok("no text") };
    let Ok(contents) = created_contents(text) else { return Ok("refused") };
    for (key, upload) in &contents {
        let source = BlobKey::source(key, *upload);
        if BlobKey::source_of(source.as_str()) != Some((key.clone(), *upload)) {
            return Err(format!("{key:?} and {upload} lead to {}", source.as_str()));
        }
    }
    Ok(if contents.is_empty() { "nothing new" } else { "read" })
}

/// What can be read is embedded and indexed: nothing on the way there may depend on its numbers.
fn chunk_file(bytes: &[u8]) -> Result<&'static str, String> {
    let Ok(read) = ChunkFile::from_bytes(bytes) else { return Ok("refused") };
    for chunk in &read.chunks {
        let indexed = chunk.to_indexed();
        if (indexed.index, indexed.start, indexed.end) != (chunk.index, chunk.start, chunk.end) {
            return Err(format!("{chunk:?} is indexed as {indexed:?}"));
        }
        if chunk.content_hash().as_str().len() != 64 {
            return Err(format!("{chunk:?} has no hash"));
        }
    }
    match ChunkFile::from_bytes(&read.to_bytes()) {
        Ok(again) if again == read => Ok("read"),
        again => Err(format!("{read:?} is read again as {again:?}")),
    }
}

/// What is read is written and read again as the same.
fn repeats<T: DeserializeOwned + Serialize + PartialEq + std::fmt::Debug>(
    bytes: &[u8],
) -> Result<&'static str, String> {
    let Ok(read) = serde_json::from_slice::<T>(bytes) else { return Ok("refused") };
    let written =
        serde_json::to_vec(&read).map_err(|error| format!("{read:?} cannot be written: {error}"))?;
    match serde_json::from_slice::<T>(&written) {
        Ok(again) if again == read => Ok("read"),
        again => Err(format!("{read:?} is read again as {again:?}")),
    }
}

fn read_folder(folder: &Path, seeds: &mut Vec<CorpusFile>) -> std::io::Result<()> {
    let mut paths: Vec<_> =
        std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
    paths.sort();
    for path in paths {
        if path.is_dir() {
            read_folder(&path, seeds)?;
        } else {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            seeds.push(CorpusFile { name, bytes: std::fs::read(&path)? });
        }
    }
    Ok(())
}

#[async_trait]
impl Target for MessageTarget {
    fn name(&self) -> &str {
        self.kind.name()
    }

    fn input(&self, random: &mut Random) -> Input {
        let (seed, other) = (random.pick(&self.seeds), random.pick(&self.seeds));
        let by_value =
            if random.below(4) > 0 { mutate_json(&seed.bytes, &other.bytes, random) } else { None };
        let bytes = by_value.unwrap_or_else(|| mutate(&seed.bytes, &other.bytes, WORDS, random));
        Input { name: seed.name.clone(), bytes }
    }

    async fn judge(&self, input: &Input) -> Judged {
        let decoded = AssertUnwindSafe(self.decode(&input.bytes)).catch_unwind().await;
        let (outcome, verdict) = match decoded {
            Ok(Ok(outcome)) => (outcome, Verdict::Fine),
            Ok(Err(broken)) => ("broken", Verdict::Broken(broken)),
            Err(panic) => ("panic", Verdict::Broken(format!("panicked: {}", panic_text(&*panic)))),
        };
        Judged { outcome: outcome.to_owned(), verdict, peak_bytes: None }
    }
}
