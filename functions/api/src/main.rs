//! The api as a Lambda function behind API Gateway, which has authenticated before.

mod config;

use std::sync::Arc;

use anyhow::Context as _;
use config::Config;
use millrace_api::{ApiContext, ApiPorts, ApiSettings, GatewayAuthenticator, GatewayService, router};
use millrace_domain::{Generation, QueueName};
use millrace_function_runtime::start_logging;
use millrace_function_wiring::{Cloud, Warming, warm_up};
use millrace_ports::{BlobKey, BlobStore as _, EventStore as _};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    start_logging();
    let config = Config::from_env().context("read the configuration")?;
    let cloud = Cloud::new(&config.aws);
    let (ledger, blobs) = (cloud.ledger(config.journal.ledger.clone()), cloud.blobs(&config.bucket));
    let (events, queue) = (cloud.events(config.journal), cloud.queue(config.queues.clone()));
    let ports = ApiPorts {
        events: events.clone(),
        ledger,
        queue: queue.clone(),
        consumer: queue.clone(),
        dead_letters: cloud.dead_letters(config.queues),
        blobs: blobs.clone(),
        upload_urls: cloud.upload_urls(&config.bucket),
        // S3 takes the bytes itself.
        upload_receiver: None,
        views: cloud.views(config.views),
        index: cloud.index(config.search, events.clone()),
        cache: cloud.vector_cache(config.vector_cache),
        collections: cloud.settings(config.settings),
        embedder: config.embedder.build(&cloud.connection).context("build the embedder")?,
        clock: cloud.clock.clone(),
        ids: cloud.ids.clone(),
    };
    let settings = ApiSettings {
        content_bytes_max: config.content_bytes_max,
        upload_bytes_max: config.upload_bytes_max,
        ..ApiSettings::default()
    };
    let context = ApiContext::new(ports, Arc::new(GatewayAuthenticator::new(config.tenant_claim)), settings);
    let nothing = cloud.nothing();
    let no_text = BlobKey::text(&nothing, Generation::FIRST);
    let calls = vec![
        Warming::by(events.load(&nothing)),
        Warming::by(blobs.get(&no_text)),
        Warming::by(queue.ping(QueueName::Ingest)),
    ];
    warm_up(calls).await;
    lambda_http::run(GatewayService::new(router(context))).await.map_err(anyhow::Error::from_boxed)
}
