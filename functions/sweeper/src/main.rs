//! The sweeper as a Lambda function: its queue brings purges, its schedule brings sweeps.

mod config;

use anyhow::Context as _;
use config::Config;
use lambda_runtime::Error;
use millrace_application::Sweep;
use millrace_domain::QueueName;
use millrace_function_runtime::{Batch, TimeLimit, Variables, host, start_logging};
use millrace_function_wiring::CloudWorkbench;
use millrace_ports::JobQueue;
use millrace_sweeper::{Invocation, Purges, handle_purges, handle_schedule};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    start_logging();
    let config = Config::from_variables(&Variables::of_process()).context("read the configuration")?;
    let bench = CloudWorkbench::new(config.workbench);
    let cache = bench.cloud.vector_cache(config.vector_cache);
    let index = bench.index_spaces(config.search, config.settings.clone());
    let purges = &Purges::new(&bench.use_cases, index.clone(), cache);
    let collections = bench.cloud.settings(config.settings);
    let accept = bench.use_cases.accept(collections, config.models, config.upload_bytes_max);
    let complete = bench.use_cases.complete_upload(accept, bench.upload_urls());
    let views = bench.cloud.views(config.views);
    let reembeddings = bench.use_cases.advance_reembeddings(index, views, config.reembedding);
    let sweep = &bench.use_cases.sweep(complete, reembeddings);
    bench.warm_up(QueueName::Purge).await;
    let queue = &*bench.queue;
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
