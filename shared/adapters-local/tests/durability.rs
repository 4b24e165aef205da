//! What was acknowledged survives a process that is killed at any instant: a child appends, sends and prints what was
//! acknowledged, is killed, and its data folder is opened again. A power cut is not tested here, only prepared for
//! (the log is synced before a commit returns).
#![expect(clippy::unwrap_used, reason = "in helpers of tests, which the lint does not recognise as such")]

use std::collections::HashMap;
use std::env;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use millrace_adapters_local::{
    DataFolder, Database, JournalStream, Publications, SqliteEmbeddingCache, SqliteEventStore, SqliteJobQueue,
};
use millrace_adapters_system::{SystemClock, SystemIdGenerator};
use millrace_domain::{DocumentKey, QueueName, Version};
use millrace_ports::{EmbeddingCache, EventStore, JobConsumer, JobQueue, OutgoingMessage, QueuePolicy};
use millrace_test_support::builders::{hash, model, tenant};
use millrace_test_support::embedding_cache_suite::unit_vector;
use millrace_test_support::{Story, split_mix};

const ROUNDS: u64 = 20;
const FOLDER: &str = "MILLRACE_DURABILITY_FOLDER";
const WRITERS: u64 = 8;

struct Node {
    database: Database,
    store: Arc<SqliteEventStore>,
    queue: Arc<SqliteJobQueue>,
    _folder: DataFolder,
}

fn open(path: &Path) -> Node {
    let folder = DataFolder::open(path).unwrap();
    let database = Database::open(&folder.database()).unwrap();
    let policy = QueuePolicy { visibility_timeout_ms: 3_600_000, receives_max: 3 };
    Node {
        store: Arc::new(SqliteEventStore::new(database.clone(), Arc::new(Publications::default()))),
        queue: Arc::new(SqliteJobQueue::new(
            database.clone(),
            Arc::new(SystemClock),
            [(QueueName::Ingest, policy)].into(),
        )),
        database,
        _folder: folder,
    }
}

/// Not a test of its own: what the child process runs.
#[tokio::test]
async fn child_writes_until_killed() {
    let Ok(path) = env::var(FOLDER) else { return };
    let node = open(Path::new(&path));
    let cache = SqliteEmbeddingCache::new(node.database.clone(), 5_000);
    // Bulk writes, so that kills fall into checkpoints too.
    let bulk = async {
        for number in 0.. {
            let vectors: Vec<_> = (0..200).map(|n| (hash(number * 200 + n), unit_vector(n, 384))).collect();
            cache.put(&tenant("acme"), &model("test"), &vectors).await.unwrap();
        }
    };
    tokio::join!(bulk, futures::future::join_all((0..WRITERS).map(|_| write(&node))));
}

async fn write(node: &Node) {
    loop {
        let mut story = Story::of(&SystemIdGenerator, "acme");
        let mut appends = vec![story.upload(&SystemIdGenerator)];
        appends.extend((0..12).map(|n| story.waver(&SystemIdGenerator, n * 5..n * 5 + 5)));
        for append in appends {
            let version = node.store.append(append).await.unwrap();
            acknowledged(&format!("append {} {version}", story.key.document_id));
        }
        let body = story.key.document_id.to_string();
        let message = OutgoingMessage { body: body.clone(), ..OutgoingMessage::default() };
        node.queue.send(QueueName::Ingest, vec![message]).await.remove(0).unwrap();
        acknowledged(&format!("send {body}"));
    }
}

fn acknowledged(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").unwrap();
    out.flush().unwrap();
}

fn start_child(path: &Path) -> Child {
    Command::new(env::current_exe().unwrap())
        .args(["child_writes_until_killed", "--exact", "--nocapture", "--test-threads=1"])
        .env(FOLDER, path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Lets a child work for so many acknowledgements, kills it, and gives everything it had acknowledged.
fn acknowledged_before_kill(path: &Path, lines_max: u64) -> Vec<String> {
    let mut child = start_child(path);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut acknowledged = Vec::new();
    let is_ours = |line: &String| line.starts_with("append ") || line.starts_with("send ");
    while (acknowledged.len() as u64) < lines_max {
        let line = lines.next().expect("the child works until it is killed").unwrap();
        acknowledged.extend(is_ours(&line).then_some(line));
    }
    child.kill().unwrap();
    // What it had still written into the pipe was acknowledged as well; the last line may be cut.
    let rest: Vec<String> = lines.map_while(Result::ok).filter(is_ours).collect();
    acknowledged.extend(rest);
    child.wait().unwrap();
    acknowledged
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let mut versions: HashMap<String, u64> = HashMap::new();
    let mut sent: Vec<String> = Vec::new();
    for round in 0..ROUNDS {
        let lines_max = 1 + split_mix(round) % 400;
        for line in acknowledged_before_kill(folder.path(), lines_max) {
            match line.split(' ').collect::<Vec<_>>()[..] {
                ["append", document, version] => {
                    versions.insert(document.to_owned(), version.parse().unwrap());
                }
                ["send", document] if document.len() == 36 => sent.push(document.to_owned()),
                _ => {}
            }
        }
        check(&open(folder.path()), &versions).await;
    }
    let node = open(folder.path());
    let mut received: Vec<String> = Vec::new();
    loop {
        let messages = node.queue.receive(QueueName::Ingest, 100, 0).await.unwrap();
        if messages.is_empty() {
            break;
        }
        received.extend(messages.into_iter().map(|message| message.body));
    }
    received.sort_unstable();
    assert!(sent.iter().all(|document| received.binary_search(document).is_ok()));
}

/// Every acknowledged version is there, with a sound history, and the journal holds every event once and in order.
async fn check(node: &Node, versions: &HashMap<String, u64>) {
    for (document, version) in versions {
        let key = DocumentKey { tenant_id: tenant("acme"), document_id: document.parse().unwrap() };
        let history = node.store.load(&key).await.unwrap().expect("an acknowledged document is there");
        let last = history.events.last().map(|event| event.sequence);
        let reached = last.or(history.snapshot.map(|snapshot| snapshot.version)).unwrap();
        assert!(
            reached >= Version::new(*version),
            "{document}: {version} was acknowledged, {reached} is there"
        );
    }
    let stream = JournalStream::new(node.database.clone(), &node.store);
    let mut next: HashMap<_, Version> = HashMap::new();
    loop {
        let events = stream.read("check", 1_000).await.unwrap();
        let Some((position, _)) = events.last() else { break };
        stream.advance("check", *position).await.unwrap();
        for (_, event) in &events {
            // A later round begins where the one before had read to.
            let expected = next.entry(event.document_id).or_insert(event.sequence);
            assert_eq!(event.sequence, *expected);
            *expected = expected.next();
        }
    }
    let sound: String = node
        .database
        .read("check the file", |connection| {
            connection
                .query_row("PRAGMA quick_check", [], |row| row.get(0))
                .map_err(millrace_adapters_local::sql_error)
        })
        .await
        .unwrap();
    assert_eq!(sound, "ok");
}
