//! The embed-worker as a Lambda function: it takes batches of chunks from the `embed` queue. The built-in model is loaded
//! at the first batch.

mod config;

use anyhow::Context as _;
use config::Config;
use millrace_application::{EmbedChunks, FailIngestion, Jobs, Leftovers};
use millrace_domain::{Generation, QueueName};
use millrace_embed_worker::handle;
use millrace_function_runtime::{Batch, host, start_logging};
use millrace_function_wiring::{Cloud, Warming, warm_up};
use millrace_ports::{BlobKey, BlobStore as _, EventStore as _};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    start_logging();
    let config = Config::from_env().context("read the configuration")?;
    let cloud = Cloud::new(&config.aws);
    let (ledger, blobs) = (cloud.ledger(config.journal.ledger.clone()), cloud.blobs(&config.bucket));
    let (events, queue) = (cloud.events(config.journal), cloud.queue(config.queues));
    let index = cloud.index(config.search, events.clone());
    let (documents, jobs) = (cloud.documents(events.clone()), Jobs::new(queue.clone()));
    let (steps, cache) = (cloud.steps(ledger), cloud.vector_cache(config.vector_cache));
    let embed = &EmbedChunks {
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
        embedder: config.embedder.build(&cloud.connection).context("build the embedder")?,
        cache,
        index,
        ids: cloud.ids.clone(),
    };
    let nothing = cloud.nothing();
    let no_chunks = BlobKey::chunk_batch(&nothing, Generation::FIRST, 0);
    let calls = vec![
        Warming::by(events.load(&nothing)),
        Warming::by(blobs.get(&no_chunks)),
        Warming::by(queue.ping(QueueName::Embed)),
    ];
    warm_up(calls).await;
    let queue = &*queue;
    host(|event, limit| async move { Ok(handle(embed, queue, Batch::within(event, limit)).await) })
        .await
        .map_err(anyhow::Error::from_boxed)
}
