//! The embed-worker as a Lambda function: it takes batches of chunks from the `embed` queue. The built-in model is loaded
//! at the first batch.

mod config;

use anyhow::Context as _;
use config::Config;
use millrace_domain::QueueName;
use millrace_embed_worker::{Embeds, handle};
use millrace_function_runtime::{Batch, Variables, host, start_logging};
use millrace_function_wiring::CloudWorkbench;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    start_logging();
    let config = Config::from_variables(&Variables::of_process()).context("read the configuration")?;
    let bench = CloudWorkbench::new(config.workbench);
    let embedders = config.embedders.build(&bench.cloud.connection).context("build the embedders")?;
    let cache = bench.cloud.vector_cache(config.vector_cache);
    let index = bench.index_spaces(config.search, config.settings);
    let embeds = &Embeds::new(&bench.use_cases, index, embedders, cache);
    bench.warm_up(QueueName::Embed).await;
    let queue = &*bench.queue;
    host(|event, limit| async move { Ok(handle(embeds, queue, Batch::within(event, limit)).await) })
        .await
        .map_err(anyhow::Error::from_boxed)
}
