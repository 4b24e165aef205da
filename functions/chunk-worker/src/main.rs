//! The chunk-worker as a Lambda function: it takes documents from the `ingest` queue. Parsers run in children of this very
//! program.

mod config;

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use config::Config;
use millrace_application::{FailIngestion, IngestDocument, Jobs, Leftovers};
use millrace_chunk_worker::handle;
use millrace_chunking::{ChunkingPolicy, TokenCounting};
use millrace_domain::{Generation, QueueName};
use millrace_embedding::bundled_tokenizer;
use millrace_extraction::{EXTRACTION_CHILD_ARG, ProcessTextExtractor, run_extraction_child};
use millrace_function_runtime::{Batch, host, start_logging};
use millrace_function_wiring::{Cloud, Warming, warm_up};
use millrace_ports::{BlobKey, BlobStore as _, EventStore as _};

fn main() -> anyhow::Result<ExitCode> {
    if std::env::args_os().nth(1).is_some_and(|argument| argument == EXTRACTION_CHILD_ARG) {
        return Ok(run_extraction_child());
    }
    start_logging();
    let config = Config::from_env().context("read the configuration")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("start")?;
    runtime.block_on(run(config)).map(|()| ExitCode::SUCCESS)
}

async fn run(config: Config) -> anyhow::Result<()> {
    let cloud = Cloud::new(&config.aws);
    let (ledger, blobs) = (cloud.ledger(config.journal.ledger.clone()), cloud.blobs(&config.bucket));
    let (events, queue) = (cloud.events(config.journal), cloud.queue(config.queues));
    let index = cloud.index(config.search, events.clone());
    let (documents, jobs) = (cloud.documents(events.clone()), Jobs::new(queue.clone()));
    let steps = cloud.steps(ledger);
    let ingest = &IngestDocument {
        leftovers: Leftovers {
            documents: documents.clone(),
            steps: steps.clone(),
            blobs: blobs.clone(),
            index: index.clone(),
        },
        fail: FailIngestion::new(documents.clone(), jobs.clone()),
        documents,
        jobs,
        steps,
        blobs: blobs.clone(),
        extractor: Arc::new(ProcessTextExtractor::new(config.limits)),
        tokenizer: bundled_tokenizer(),
        index,
        ids: cloud.ids.clone(),
        // WordPiece never joins what white space separates.
        policy: ChunkingPolicy::default().with_counting(TokenCounting::AddsUpAtWhiteSpace),
        batch_size: config.batch_chunks.max(1),
    };
    let nothing = cloud.nothing();
    let no_text = BlobKey::text(&nothing, Generation::FIRST);
    let calls = vec![
        Warming::by(events.load(&nothing)),
        Warming::by(blobs.get(&no_text)),
        Warming::by(queue.ping(QueueName::Ingest)),
    ];
    warm_up(calls).await;
    let queue = &*queue;
    host(|event, limit| async move { Ok(handle(ingest, queue, Batch::within(event, limit)).await) })
        .await
        .map_err(anyhow::Error::from_boxed)
}
