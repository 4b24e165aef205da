//! Measures what an upload waits for on this machine: appends as fast as they go, then 200 uploads a second (an append
//! and a queue message each) while the relay, the projector and bulk writers work, then a queue with a long backlog.
//! Run with `cargo run --release -p millrace-adapters-local --example commit_latency [seconds]`.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "an example that prints what it measured")]
#![expect(clippy::disallowed_methods, reason = "measuring needs real time")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures::future::join_all;
use millrace_adapters_local::{
    Database, EventPattern, JournalStream, LocalEventBus, Publications, Rule, SqliteEmbeddingCache,
    SqliteEventStore, SqliteJobQueue, SqliteReadModel,
};
use millrace_adapters_system::{SystemClock, SystemIdGenerator};
use millrace_domain::QueueName;
use millrace_ports::{
    EmbeddingCache, EventBus, EventStore, JobConsumer, JobQueue, OutgoingMessage, QueuePolicy, ReadModel,
    Receipt,
};
use millrace_test_support::Story;
use millrace_test_support::builders::{hash, model, tenant};
use millrace_test_support::embedding_cache_suite::unit_vector;

const UPLOADS_PER_SECOND: u32 = 200;
const BACKLOG: usize = 100_000;

struct Node {
    store: SqliteEventStore,
    stream: JournalStream,
    queue: Arc<SqliteJobQueue>,
    bus: LocalEventBus,
    views: SqliteReadModel,
    cache: SqliteEmbeddingCache,
    stopped: AtomicBool,
    relayed: AtomicU64,
    bulk_rows: AtomicU64,
}

fn open(database: Database) -> Arc<Node> {
    let policy = QueuePolicy { visibility_timeout_ms: 60_000, receives_max: 5 };
    let policies = QueueName::ALL.map(|name| (name, policy)).into();
    let queue = Arc::new(SqliteJobQueue::new(database.clone(), Arc::new(SystemClock), policies));
    let store = SqliteEventStore::new(database.clone(), Arc::new(Publications::default()));
    let rule = Rule { subscriber: QueueName::Projector, pattern: EventPattern::Prefix("millrace.".into()) };
    Arc::new(Node {
        stream: JournalStream::new(database.clone(), &store),
        store,
        bus: LocalEventBus::new(Arc::clone(&queue) as _, &[rule]),
        queue,
        views: SqliteReadModel::new(database.clone()),
        cache: SqliteEmbeddingCache::new(database, 200_000),
        stopped: AtomicBool::new(false),
        relayed: AtomicU64::new(0),
        bulk_rows: AtomicU64::new(0),
    })
}

fn report(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |share: f64| {
        let place = ((times.len() as f64 * share) as usize).min(times.len() - 1);
        times[place].as_secs_f64() * 1_000.0
    };
    println!(
        "{what}: n {}  p50 {:.2}  p90 {:.2}  p99 {:.2}  p99.9 {:.2}  max {:.2} ms",
        times.len(),
        at(0.5),
        at(0.9),
        at(0.99),
        at(0.999),
        at(1.0)
    );
}

async fn upload(node: &Node) -> Duration {
    let mut story = Story::of(&SystemIdGenerator, "acme");
    let append = story.upload(&SystemIdGenerator);
    let message = OutgoingMessage {
        body: format!("{{\"document\":\"{}\",\"padding\":\"{:200}\"}}", story.key.document_id, ""),
        group: Some("acme".into()),
        ..OutgoingMessage::default()
    };
    let began = Instant::now();
    node.store.append(append).await.unwrap();
    node.queue.send(QueueName::Ingest, vec![message]).await.remove(0).unwrap();
    began.elapsed()
}

async fn saturate(node: &Arc<Node>, tasks: usize, each: usize) {
    let began = Instant::now();
    let tasks = (0..tasks).map(|_| {
        let node = Arc::clone(node);
        tokio::spawn(async move {
            let mut times = Vec::new();
            for _ in 0..each {
                let mut story = Story::of(&SystemIdGenerator, "acme");
                let append = story.upload(&SystemIdGenerator);
                let began = Instant::now();
                node.store.append(append).await.unwrap();
                times.push(began.elapsed());
            }
            times
        })
    });
    let times: Vec<Duration> = join_all(tasks).await.into_iter().flat_map(Result::unwrap).collect();
    let rate = times.len() as f64 / began.elapsed().as_secs_f64();
    report(&format!("appends flat out, {rate:.0}/s"), times);
}

/// Uploads at fixed instants, whether or not the ones before are answered.
async fn upload_steadily(node: &Arc<Node>, seconds: u32) -> Vec<Duration> {
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / UPLOADS_PER_SECOND);
    let mut uploads = Vec::new();
    for _ in 0..seconds * UPLOADS_PER_SECOND {
        ticks.tick().await;
        let node = Arc::clone(node);
        uploads.push(tokio::spawn(async move { upload(&node).await }));
    }
    join_all(uploads).await.into_iter().map(Result::unwrap).collect()
}

async fn relay(node: Arc<Node>) {
    while !node.stopped.load(Ordering::Relaxed) {
        let events = node.stream.read("relay", 100).await.unwrap();
        let Some((position, _)) = events.last() else {
            let after = node.stream.position("relay").await.unwrap();
            let _ = tokio::time::timeout(Duration::from_millis(100), node.stream.wait(after)).await;
            continue;
        };
        let position = *position;
        let events: Vec<_> = events.into_iter().map(|(_, event)| event).collect();
        node.bus.publish(&events).await.into_iter().for_each(|entry| entry.unwrap());
        node.stream.advance("relay", position).await.unwrap();
        node.relayed.fetch_add(events.len() as u64, Ordering::Relaxed);
    }
}

/// Receives from a queue, saves a view for each message, deletes.
async fn work(node: Arc<Node>, queue: QueueName) {
    while !node.stopped.load(Ordering::Relaxed) {
        let messages = node.queue.receive(queue, 10, 100).await.unwrap();
        let views: Vec<_> = messages
            .iter()
            .map(|_| {
                let mut story = Story::of(&SystemIdGenerator, "acme");
                story.upload(&SystemIdGenerator);
                story.view()
            })
            .collect();
        node.views.save(&views).await.unwrap();
        let receipts: Vec<Receipt> = messages.into_iter().map(|message| message.receipt).collect();
        node.queue.delete(queue, &receipts).await.unwrap();
    }
}

async fn bulk(node: Arc<Node>, first: u64, slices_per_second: Option<u32>) {
    let mut number = first;
    let mut ticks = slices_per_second.map(|slices| tokio::time::interval(Duration::from_secs(1) / slices));
    while !node.stopped.load(Ordering::Relaxed) {
        let vectors: Vec<_> = (0..200).map(|n| (hash(number + n), unit_vector(n, 384))).collect();
        number += 200;
        node.cache.put(&tenant("acme"), &model("test"), &vectors).await.unwrap();
        if let Some(ticks) = &mut ticks {
            ticks.tick().await;
        }
        node.bulk_rows.fetch_add(200, Ordering::Relaxed);
    }
}

async fn under_load(node: &Arc<Node>, seconds: u32, bulk_writers: u64, slices_per_second: Option<u32>) {
    node.stopped.store(false, Ordering::Relaxed);
    node.bulk_rows.store(0, Ordering::Relaxed);
    let mut others = vec![
        tokio::spawn(relay(Arc::clone(node))),
        tokio::spawn(work(Arc::clone(node), QueueName::Projector)),
        tokio::spawn(work(Arc::clone(node), QueueName::Ingest)),
    ];
    others
        .extend((0..bulk_writers).map(|n| tokio::spawn(bulk(Arc::clone(node), n << 40, slices_per_second))));
    let times = upload_steadily(node, seconds).await;
    node.stopped.store(true, Ordering::Relaxed);
    join_all(others).await.into_iter().for_each(|done| done.unwrap());
    let rows = node.bulk_rows.load(Ordering::Relaxed) / u64::from(seconds);
    report(&format!("append + send at 200/s, {bulk_writers} bulk writers ({rows} rows/s)"), times);
    println!("  left for the relay: {}", node.stream.backlog("relay").await.unwrap());
}

async fn backlog(node: &Arc<Node>) {
    let began = Instant::now();
    for batch in 0..BACKLOG / 1_000 {
        let messages = (0..1_000)
            .map(|n| OutgoingMessage {
                body: format!("{batch}-{n} {:300}", ""),
                group: Some(format!("tenant-{}", n % 50)),
                ..OutgoingMessage::default()
            })
            .collect();
        node.queue.send(QueueName::Embed, messages).await.into_iter().for_each(|entry| entry.unwrap());
    }
    println!("send {BACKLOG} in thousands: {:.0}/s", BACKLOG as f64 / began.elapsed().as_secs_f64());
    let mut times = Vec::new();
    let began = Instant::now();
    for _ in 0..1_000 {
        let began = Instant::now();
        let messages = node.queue.receive(QueueName::Embed, 1, 0).await.unwrap();
        times.push(began.elapsed());
        node.queue.delete(QueueName::Embed, &[messages[0].receipt.clone()]).await.unwrap();
    }
    println!("receive and delete one at a time: {:.0}/s", 1_000.0 / began.elapsed().as_secs_f64());
    report("receive one of 100,000", times);
    let began = Instant::now();
    let mut received = 0;
    while received < 20_000 {
        let messages = node.queue.receive(QueueName::Embed, 10, 0).await.unwrap();
        received += messages.len();
        let receipts: Vec<Receipt> = messages.into_iter().map(|message| message.receipt).collect();
        node.queue.delete(QueueName::Embed, &receipts).await.unwrap();
    }
    println!("receive and delete by tens: {:.0}/s", f64::from(20_000) / began.elapsed().as_secs_f64());
    let began = Instant::now();
    let depth = node.queue.depth(QueueName::Embed).await.unwrap();
    println!("depth {depth:?} in {:.2} ms", began.elapsed().as_secs_f64() * 1_000.0);
}

#[tokio::main(worker_threads = 2)]
async fn main() {
    let seconds = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(10);
    let folder = tempfile::tempdir().unwrap();
    let node = open(Database::open(&folder.path().join("measured.db")).unwrap());
    saturate(&node, 1, 500).await;
    saturate(&node, 64, 300).await;
    under_load(&node, seconds, 0, None).await;
    under_load(&node, seconds, 2, Some(10)).await;
    under_load(&node, seconds, 2, None).await;
    backlog(&node).await;
}
