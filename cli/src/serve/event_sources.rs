//! Which event source feeds which handler, and how many at a time. They run on a runtime of their own, at low priority, so
//! that a busy pipeline does not keep requests waiting.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use aws_lambda_events::event::dynamodb::Event as StreamEvent;
use aws_lambda_events::event::eventbridge::EventBridgeEvent;
use futures::FutureExt as _;
use millrace_adapters_local::JournalStream;
use millrace_application::{AdvanceReembeddings, PublishEvents, Sweep};
use millrace_domain::QueueName;
use millrace_function_runtime::to_stream_record;
use millrace_ports::PortError;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, interval_at};
use tokio_util::sync::CancellationToken;

use super::node::Node;
use super::pollers::{QueuePoller, SqsHandler};

/// The relay's name as a reader of the journal.
const RELAY: &str = "event-relay";
/// Events of one relay invocation.
const STREAM_BATCH: usize = 100;
/// Messages of one projector invocation.
const PROJECTOR_BATCH: usize = 10;
/// Notifications of one upload-completer invocation.
const UPLOADS_BATCH: usize = 10;
/// Embed jobs at work beyond the embedding threads: while one is stored, another is computed.
const EMBED_AHEAD: usize = 2;
/// How often the schedule fires.
const SWEEP_EVERY: Duration = Duration::from_secs(60);
/// How often moves of collections to another model are looked after, which costs one small read while there are none.
const REEMBED_EVERY: Duration = Duration::from_secs(1);
/// Pause after a failure of the stream.
const PAUSE: Duration = Duration::from_secs(1);

/// The running workers.
pub(crate) struct Workers {
    runtime: Runtime,
    tasks: JoinSet<()>,
    stop: CancellationToken,
}

impl Workers {
    /// Takes no new work and waits for what is in progress, at most `grace`. What is cut off is redone later.
    pub(crate) async fn stop(mut self, grace: Duration) {
        self.stop.cancel();
        let ended = tokio::time::timeout(grace, async { while self.tasks.join_next().await.is_some() {} });
        if ended.await.is_err() {
            tracing::warn!(left = self.tasks.len(), "jobs cut off; they are done again at the next start");
        }
        self.tasks.abort_all();
        self.runtime.shutdown_background();
    }
}

/// Starts all event sources of a node.
pub(crate) fn start(node: &Node) -> anyhow::Result<Workers> {
    let threads = node.workers.get() + 1;
    let runtime = Builder::new_multi_thread()
        .worker_threads(threads)
        .thread_name("millrace-worker")
        .on_thread_start(lower_priority)
        .enable_all()
        .build()
        .context("start the workers' runtime")?;
    let stop = CancellationToken::new();
    let mut tasks = JoinSet::new();
    for poller in queue_pollers(node) {
        tasks.spawn_on(poller.run(stop.clone()), runtime.handle());
    }
    let relay = relay(node.journal.clone(), node.publish.clone());
    tasks.spawn_on(until(stop.clone(), relay), runtime.handle());
    tasks.spawn_on(until(stop.clone(), sweep(node.sweep.clone())), runtime.handle());
    let moves = move_collections(node.sweep.reembeddings.clone());
    tasks.spawn_on(until(stop.clone(), moves), runtime.handle());
    Ok(Workers { runtime, tasks, stop })
}

/// The scheduler gives these threads what others leave, and a little; a machine that does not allow it runs them as
/// any other.
fn lower_priority() {
    if let Err(error) = rustix::process::nice(10) {
        tracing::debug!(%error, "workers run at ordinary priority");
    }
}

async fn until(stop: CancellationToken, work: impl Future<Output = ()>) {
    tokio::select! {
        biased;
        () = stop.cancelled() => {}
        () = work => {}
    }
}

fn queue_pollers(node: &Node) -> Vec<QueuePoller> {
    let poller = |queue, batch, handler: &SqsHandler| QueuePoller {
        consumer: node.consumer.clone(),
        queue,
        batch,
        handler: handler.clone(),
    };
    let (ingest, jobs) = (node.ingest.clone(), node.queue.clone());
    let ingest: SqsHandler = Arc::new(move |event| {
        let (ingest, jobs) = (ingest.clone(), jobs.clone());
        Box::pin(async move { millrace_chunk_worker::handle(&ingest, &*jobs, event).await })
    });
    let (embed, jobs) = (node.embed.clone(), node.queue.clone());
    let embed: SqsHandler = Arc::new(move |event| {
        let (embed, jobs) = (embed.clone(), jobs.clone());
        Box::pin(async move { millrace_embed_worker::handle(&embed, &*jobs, event).await })
    });
    let (purges, jobs) = (node.purges.clone(), node.queue.clone());
    let purge: SqsHandler = Arc::new(move |event| {
        let (purges, jobs) = (purges.clone(), jobs.clone());
        Box::pin(async move { millrace_sweeper::handle_purges(&purges, &*jobs, event).await })
    });
    let (project, jobs) = (node.project.clone(), node.queue.clone());
    let project: SqsHandler = Arc::new(move |event| {
        let (project, jobs) = (project.clone(), jobs.clone());
        Box::pin(async move { millrace_projector::handle(&project, &*jobs, event).await })
    });
    let (complete, jobs) = (node.complete.clone(), node.queue.clone());
    let complete: SqsHandler = Arc::new(move |event| {
        let (complete, jobs) = (complete.clone(), jobs.clone());
        Box::pin(async move { millrace_upload_completer::handle(&complete, &*jobs, event).await })
    });
    let embedders = node.embedding_threads.get() + EMBED_AHEAD;
    let mut pollers =
        vec![poller(QueueName::Purge, 1, &purge), poller(QueueName::Projector, PROJECTOR_BATCH, &project)];
    pollers.push(poller(QueueName::Uploads, UPLOADS_BATCH, &complete));
    pollers.extend((0..node.workers.get()).map(|_| poller(QueueName::Ingest, 1, &ingest)));
    pollers.extend((0..embedders).map(|_| poller(QueueName::Embed, 1, &embed)));
    pollers
}

/// The stream: batches of new events, in order, to the relay; on a failure again from the first that failed.
async fn relay(journal: Arc<JournalStream>, publish: PublishEvents) {
    loop {
        match turn("relay", relay_once(&journal, &publish)).await {
            Some(Ok(())) => continue,
            Some(Err(error)) => tracing::error!(%error, "stream stands still, trying again"),
            None => {}
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn relay_once(journal: &JournalStream, publish: &PublishEvents) -> Result<(), PortError> {
    let read = journal.read(RELAY, STREAM_BATCH).await?;
    let Some((last, _)) = read.last() else {
        let position = journal.position(RELAY).await?;
        journal.wait(position).await;
        return Ok(());
    };
    let mut event = StreamEvent::default();
    event.records =
        read.iter().map(|(position, envelope)| to_stream_record(envelope, position.unsigned_abs())).collect();
    let last = *last;
    let response = millrace_event_relay::handle(publish, event).await;
    let failed = response.batch_item_failures.first().and_then(|item| item.item_identifier.clone());
    let failed: Option<i64> = failed.and_then(|position| position.parse().ok());
    journal.advance(RELAY, failed.map_or(last, |position| position - 1)).await?;
    if failed.is_some() {
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

/// The schedule. The first sweep looks at everything, and takes the place of the one that would come at once.
async fn sweep(sweep: Sweep) {
    turn("sweep", fire(&sweep.at_start())).await;
    let mut schedule = interval_at(Instant::now() + SWEEP_EVERY, SWEEP_EVERY);
    schedule.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        schedule.tick().await;
        turn("sweep", fire(&sweep)).await;
    }
}

/// The sweep moves re-embeddings on, too, as it does on AWS; but nobody wants to wait a minute between their steps.
async fn move_collections(reembeddings: AdvanceReembeddings) {
    let mut schedule = interval(REEMBED_EVERY);
    schedule.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        schedule.tick().await;
        if let Some(Err(error)) = turn("re-embedding", reembeddings.run()).await {
            tracing::warn!(%error, "re-embeddings not moved on, the next second goes on");
        }
    }
}

/// One turn of an event source. A panic ends it and not the source, whose task nobody would start again.
async fn turn<T>(source: &str, work: impl Future<Output = T>) -> Option<T> {
    let ended = AssertUnwindSafe(work).catch_unwind().await;
    ended.inspect_err(|_| tracing::error!(source, "panicked, the next turn goes on")).ok()
}

async fn fire(sweep: &Sweep) {
    let mut event = EventBridgeEvent::default();
    event.detail_type = "Scheduled Event".into();
    event.source = "aws.events".into();
    if let Err(error) = millrace_sweeper::handle_schedule(sweep, event).await {
        tracing::warn!(%error, "sweep not finished, the next one goes on");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_ends_a_turn_and_not_its_source() {
        assert_eq!(
            turn("test", async { panic!("as a history does that cannot be folded") }).await,
            None::<()>
        );
        assert_eq!(turn("test", async { 1 }).await, Some(1));
    }
}
