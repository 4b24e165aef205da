//! The projector as a Lambda function: it takes events from its queue and keeps the read models.

mod config;

use anyhow::Context as _;
use config::Config;
use millrace_application::ProjectDocuments;
use millrace_domain::QueueName;
use millrace_function_runtime::{Batch, Variables, host, start_logging};
use millrace_function_wiring::{Cloud, Warming, warm_up};
use millrace_ports::EventStore as _;
use millrace_projector::handle;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    start_logging();
    let config = Config::from_variables(&Variables::of_process()).context("read the configuration")?;
    let cloud = Cloud::new(&config.aws);
    let (events, queue) = (cloud.events(config.journal), &*cloud.queue(config.queues));
    let project = &ProjectDocuments::new(cloud.documents(events.clone()), cloud.views(config.views));
    warm_up(vec![Warming::by(events.load(&cloud.nothing())), Warming::by(queue.ping(QueueName::Projector))])
        .await;
    host(|event, limit| async move { Ok(handle(project, queue, Batch::within(event, limit)).await) })
        .await
        .map_err(anyhow::Error::from_boxed)
}
