//! The upload-completer as a Lambda function: it takes the bucket's notifications from the `uploads` queue.

mod config;

use anyhow::Context as _;
use config::Config;
use millrace_application::{AcceptContent, CompleteUpload, Jobs, UploadHistory};
use millrace_domain::{Generation, QueueName};
use millrace_function_runtime::{Batch, host, start_logging};
use millrace_function_wiring::{Cloud, Warming, warm_up};
use millrace_ports::{BlobKey, BlobStore as _, EventStore as _};
use millrace_upload_completer::handle;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    start_logging();
    let config = Config::from_env().context("read the configuration")?;
    let model = config.embedder.model().context("find the model")?;
    let cloud = Cloud::new(&config.aws);
    let (ledger, blobs) = (cloud.ledger(config.journal.ledger.clone()), cloud.blobs(&config.bucket));
    let (events, queue) = (cloud.events(config.journal), cloud.queue(config.queues));
    let complete = &CompleteUpload {
        accept: AcceptContent {
            documents: cloud.documents(events.clone()),
            jobs: Jobs::new(queue.clone()),
            ledger,
            blobs: blobs.clone(),
            collections: cloud.settings(config.settings),
            ids: cloud.ids.clone(),
            model,
            content_bytes_max: config.upload_bytes_max,
        },
        history: UploadHistory::new(events.clone()),
        urls: cloud.upload_urls(&config.bucket),
    };
    let nothing = cloud.nothing();
    let no_text = BlobKey::text(&nothing, Generation::FIRST);
    let calls = vec![
        Warming::by(events.load(&nothing)),
        Warming::by(blobs.get(&no_text)),
        Warming::by(queue.ping(QueueName::Uploads)),
    ];
    warm_up(calls).await;
    let queue = &*queue;
    host(|event, limit| async move { Ok(handle(complete, queue, Batch::within(event, limit)).await) })
        .await
        .map_err(anyhow::Error::from_boxed)
}
