//! The event-relay as a Lambda function: it publishes what the journal's stream brings.

mod config;

use anyhow::Context as _;
use config::Config;
use millrace_application::PublishEvents;
use millrace_event_relay::handle;
use millrace_function_runtime::{Variables, host, start_logging};
use millrace_function_wiring::{Cloud, Warming, warm_up};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    start_logging();
    let config = Config::from_variables(&Variables::of_process()).context("read the configuration")?;
    let cloud = Cloud::new(&config.aws);
    let bus = cloud.bus(&config.event_bus);
    let publish = &PublishEvents::new(bus.clone());
    warm_up(vec![Warming::by(bus.ping())]).await;
    host(|event, _| async move { Ok(handle(publish, event).await) }).await.map_err(anyhow::Error::from_boxed)
}
