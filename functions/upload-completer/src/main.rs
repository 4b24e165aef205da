//! The upload-completer as a Lambda function: it takes the bucket's notifications from the `uploads` queue.

mod config;

use anyhow::Context as _;
use config::Config;
use millrace_domain::QueueName;
use millrace_function_runtime::{Batch, Variables, host, start_logging};
use millrace_function_wiring::CloudWorkbench;
use millrace_upload_completer::handle;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    start_logging();
    let config = Config::from_variables(&Variables::of_process()).context("read the configuration")?;
    let bench = CloudWorkbench::new(config.workbench);
    let collections = bench.cloud.settings(config.settings);
    let accept = bench.use_cases.accept(collections, config.models, config.upload_bytes_max);
    let complete = &bench.use_cases.complete_upload(accept, bench.upload_urls());
    bench.warm_up(QueueName::Uploads).await;
    let queue = &*bench.queue;
    host(|event, limit| async move { Ok(handle(complete, queue, Batch::within(event, limit)).await) })
        .await
        .map_err(anyhow::Error::from_boxed)
}
