//! The sweeper as a Lambda function: its queue brings purges, its schedule brings sweeps.

mod config;

use anyhow::Context as _;
use config::Config;
use lambda_runtime::Error;
use millrace_application::{
    AcceptContent, CachedVectors, CompleteUpload, Jobs, PurgeDocument, PurgeGeneration, Sweep, SweepPolicy,
    UploadHistory,
};
use millrace_domain::{Generation, QueueName};
use millrace_function_runtime::{Batch, TimeLimit, host, start_logging};
use millrace_function_wiring::{Cloud, Warming, warm_up};
use millrace_ports::{BlobKey, BlobStore as _, EventStore as _, JobQueue};
use millrace_sweeper::{Invocation, Purges, handle_purges, handle_schedule};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    start_logging();
    let config = Config::from_env().context("read the configuration")?;
    let model = config.embedder.model().context("find the model")?;
    let cloud = Cloud::new(&config.aws);
    let (ledger, blobs) = (cloud.ledger(config.journal.ledger.clone()), cloud.blobs(&config.bucket));
    let (events, queue) = (cloud.events(config.journal), cloud.queue(config.queues));
    let index = cloud.index(config.search, events.clone());
    let (documents, jobs) = (cloud.documents(events.clone()), Jobs::new(queue.clone()));
    let steps = cloud.steps(ledger.clone());
    let vectors = CachedVectors::new(blobs.clone(), cloud.vector_cache(config.vector_cache));
    let purges = &Purges {
        document: PurgeDocument {
            documents: documents.clone(),
            steps: steps.clone(),
            blobs: blobs.clone(),
            vectors: vectors.clone(),
            index: index.clone(),
        },
        generation: PurgeGeneration {
            documents: documents.clone(),
            steps,
            blobs: blobs.clone(),
            vectors,
            index,
        },
    };
    let accept = AcceptContent {
        documents: documents.clone(),
        jobs: jobs.clone(),
        ledger: ledger.clone(),
        blobs: blobs.clone(),
        collections: cloud.settings(config.settings),
        ids: cloud.ids.clone(),
        model,
        content_bytes_max: config.upload_bytes_max,
    };
    let sweep = &Sweep {
        documents,
        store: events.clone(),
        jobs,
        ledger,
        blobs: blobs.clone(),
        complete: CompleteUpload {
            accept,
            history: UploadHistory::new(events.clone()),
            urls: cloud.upload_urls(&config.bucket),
        },
        ids: cloud.ids.clone(),
        policy: SweepPolicy::default(),
    };
    let nothing = cloud.nothing();
    let no_text = BlobKey::text(&nothing, Generation::FIRST);
    let calls = vec![
        Warming::by(events.load(&nothing)),
        Warming::by(blobs.get(&no_text)),
        Warming::by(queue.ping(QueueName::Purge)),
    ];
    warm_up(calls).await;
    let queue = &*queue;
    host(|invocation, limit| dispatch(purges, sweep, queue, invocation, limit))
        .await
        .map_err(anyhow::Error::from_boxed)
}

/// An error makes Lambda count a failed invocation; the next minute brings the next sweep.
async fn dispatch(
    purges: &Purges,
    sweep: &Sweep,
    queue: &dyn JobQueue,
    invocation: Invocation,
    limit: TimeLimit,
) -> Result<Value, Error> {
    match invocation {
        Invocation::Purges(event) => {
            let response = handle_purges(purges, queue, Batch::within(event, limit)).await;
            Ok(serde_json::to_value(response)?)
        }
        Invocation::Schedule(event) => {
            let report = handle_schedule(sweep, *event).await?;
            tracing::info!(?report, "swept");
            Ok(Value::Null)
        }
        Invocation::Unknown(reason) => Err(format!("neither a purge nor a schedule: {reason}").into()),
    }
}
