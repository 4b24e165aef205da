//! `millrace serve`: the whole of Millrace in one process. The same handlers that run as Lambda functions, with the local
//! adapters beneath and event sources of our own in place of Lambda's.

mod arguments;
mod embedder;
mod event_sources;
mod http_server;
mod node;
mod pollers;
mod welcome;
mod write_deadline;

use std::time::Duration;

use anyhow::Context as _;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

pub(crate) use arguments::ServeArguments;
use http_server::Limits;
use node::{Node, NodeSettings};

/// How long a job in progress may take to end after a signal. What does not end is redone at the next start.
const GRACE: Duration = Duration::from_secs(10);

/// Runs until a signal, then puts the work down and returns.
pub(crate) async fn run(arguments: ServeArguments) -> anyhow::Result<()> {
    let settings = NodeSettings::from(&arguments);
    let node = Node::open(settings).await?;
    let listener = http_server::bind(arguments.listen).await?;
    let listening = listener.local_addr().context("read the address that is listened on")?;
    let workers = event_sources::start(&node).context("start the workers")?;
    // Before anybody is told that it runs, and may stop it.
    let signals = Signals::listen()?;
    welcome::print(listening, &arguments, node.asks_for_keys)?;

    let stop = CancellationToken::new();
    let server =
        tokio::spawn(http_server::serve(listener, node.router.clone(), Limits::default(), stop.clone()));
    signals.first().await;
    tracing::info!("stopping: no new work, jobs in progress may end");
    stop.cancel();
    workers.stop(GRACE).await;
    server.await.context("end the HTTP server")?;
    tracing::info!("stopped");
    Ok(())
}

/// Ctrl-C and the polite kill, heard from the moment this is made.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn listen() -> anyhow::Result<Self> {
        let interrupt = signal(SignalKind::interrupt()).context("listen for Ctrl-C")?;
        let terminate = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
        Ok(Self { interrupt, terminate })
    }

    /// Waits for either.
    async fn first(mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
