//! Decodes an SQS batch of embed jobs, runs each, reports those that must come again.

use std::sync::Arc;

use aws_lambda_events::event::sqs::SqsBatchResponse;
use millrace_application::{
    Delivery, EmbedChunks, Embedders, IndexSpaces, JobOutcome, ReembedBatch, Workbench,
};
use millrace_domain::{Job, QueueName};
use millrace_function_runtime::{Batch, run_job_batch};
use millrace_ports::{EmbeddingCache, JobQueue};

/// How many jobs run at once, so that storage of one overlaps with computing of another.
const CONCURRENCY: usize = 4;

/// The steps behind the `embed` queue.
#[derive(Debug, Clone)]
pub struct Embeds {
    /// Batches of documents on their way.
    pub chunks: EmbedChunks,
    /// Batches of collections that move to another model.
    pub reembed: ReembedBatch,
}

impl Embeds {
    /// Both, over an index, the models and a cache of vectors.
    pub fn new(
        use_cases: &Workbench,
        index: IndexSpaces,
        embedders: Embedders,
        cache: Arc<dyn EmbeddingCache>,
    ) -> Self {
        Self {
            chunks: use_cases.embed_chunks(index.clone(), embedders.clone(), cache.clone()),
            reembed: use_cases.reembed_batch(index, embedders, cache),
        }
    }
}

/// Handles one invocation.
pub async fn handle(embeds: &Embeds, jobs: &dyn JobQueue, batch: impl Into<Batch>) -> SqsBatchResponse {
    run_job_batch(batch, QueueName::Embed, jobs, CONCURRENCY, |delivery| run(embeds, delivery)).await
}

async fn run(embeds: &Embeds, delivery: Delivery) -> JobOutcome {
    match &delivery.job.job {
        Job::ReembedBatch { .. } => embeds.reembed.run(&delivery).await,
        // Which refuses a job of another queue as such.
        Job::EmbedChunks { .. }
        | Job::IngestDocument { .. }
        | Job::PurgeGeneration { .. }
        | Job::PurgeDocument {} => embeds.chunks.run(&delivery).await,
    }
}
