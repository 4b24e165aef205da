//! The api as a Lambda function behind API Gateway, which has authenticated before.

mod config;

use std::sync::Arc;

use anyhow::Context as _;
use config::Config;
use millrace_api::{ApiContext, ApiPorts, ApiSettings, GatewayAuthenticator, GatewayService, router};
use millrace_domain::QueueName;
use millrace_function_runtime::{Variables, start_logging};
use millrace_function_wiring::CloudWorkbench;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    start_logging();
    let config = Config::from_variables(&Variables::of_process()).context("read the configuration")?;
    let queues = config.workbench.queues.clone();
    let bench = CloudWorkbench::new(config.workbench);
    let cloud = &bench.cloud;
    let ports = ApiPorts {
        events: bench.events.clone(),
        ledger: bench.ledger.clone(),
        queue: bench.queue.clone(),
        consumer: bench.queue.clone(),
        dead_letters: cloud.dead_letters(queues),
        blobs: bench.blobs.clone(),
        upload_urls: bench.upload_urls(),
        // S3 takes the bytes itself.
        upload_receiver: None,
        views: cloud.views(config.views),
        index: bench.index(config.search),
        cache: cloud.vector_cache(config.vector_cache),
        collections: cloud.settings(config.settings),
        embedders: config.embedders.build(&cloud.connection).context("build the embedders")?,
        clock: cloud.clock.clone(),
        ids: cloud.ids.clone(),
    };
    let settings = ApiSettings {
        content_bytes_max: config.content_bytes_max,
        upload_bytes_max: config.upload_bytes_max,
        ..ApiSettings::default()
    };
    let context = ApiContext::new(ports, Arc::new(GatewayAuthenticator::new(config.tenant_claim)), settings);
    bench.warm_up(QueueName::Ingest).await;
    lambda_http::run(GatewayService::new(router(context))).await.map_err(anyhow::Error::from_boxed)
}
