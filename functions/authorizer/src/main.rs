//! The authorizer as a Lambda function: the gateway asks it about each key, and remembers the answer for a while.

mod config;

use anyhow::Context as _;
use config::Config;
use millrace_application::AuthenticateApiKey;
use millrace_authorizer::handle;
use millrace_function_runtime::{Variables, host, start_logging};
use millrace_function_wiring::{Cloud, Warming, warm_up};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    start_logging();
    let config = Config::from_variables(&Variables::of_process()).context("read the configuration")?;
    let keys = &AuthenticateApiKey::new(Cloud::new(&config.aws).settings(config.settings));
    warm_up(vec![Warming::by(keys.run("no such key"))]).await;
    host(|request, _| async move { Ok(handle(keys, request).await?) })
        .await
        .map_err(anyhow::Error::from_boxed)
}
