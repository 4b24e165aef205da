//! The chunk-worker as a Lambda function: it takes documents from the `ingest` queue. Parsers run in children of this very
//! program.

mod config;

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use config::Config;
use millrace_application::Chunking;
use millrace_chunk_worker::handle;
use millrace_chunking::{ChunkingPolicy, TokenCounting};
use millrace_domain::QueueName;
use millrace_embedding::bundled_tokenizer;
use millrace_extraction::{EXTRACTION_CHILD_ARG, ProcessTextExtractor, run_extraction_child};
use millrace_function_runtime::{Batch, Variables, host, start_logging};
use millrace_function_wiring::CloudWorkbench;

fn main() -> anyhow::Result<ExitCode> {
    if std::env::args_os().nth(1).is_some_and(|argument| argument == EXTRACTION_CHILD_ARG) {
        return Ok(run_extraction_child());
    }
    start_logging();
    let config = Config::from_variables(&Variables::of_process()).context("read the configuration")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("start")?;
    runtime.block_on(run(config)).map(|()| ExitCode::SUCCESS)
}

async fn run(config: Config) -> anyhow::Result<()> {
    let bench = CloudWorkbench::new(config.workbench);
    let chunking = Chunking {
        extractor: Arc::new(ProcessTextExtractor::new(config.limits)),
        tokenizer: bundled_tokenizer(),
        // WordPiece never joins what white space separates.
        policy: ChunkingPolicy::default().with_counting(TokenCounting::AddsUpAtWhiteSpace),
        batch_size: config.batch_chunks,
    };
    let index = bench.index_spaces(config.search, config.settings);
    let ingest = &bench.use_cases.ingest_document(index, chunking);
    bench.warm_up(QueueName::Ingest).await;
    let queue = &*bench.queue;
    host(|event, limit| async move { Ok(handle(ingest, queue, Batch::within(event, limit)).await) })
        .await
        .map_err(anyhow::Error::from_boxed)
}
