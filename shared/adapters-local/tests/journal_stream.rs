//! What the journal stream promises beside the ports: commit order, durable cursors, waking who waits.
#![expect(clippy::unwrap_used, reason = "in helpers of tests, which the lint does not recognise as such")]

use std::sync::Arc;

use futures::FutureExt;
use futures::future::{join, join_all};
use millrace_adapters_local::{Database, JournalStream, Publications, SqliteEventStore};
use millrace_domain::{EventEnvelope, Version};
use millrace_ports::{ErrorKind, EventStore, PortError};
use millrace_test_support::{SeededIds, Story};

fn node(database: Database) -> (SqliteEventStore, JournalStream) {
    let store = SqliteEventStore::new(database.clone(), Arc::new(Publications::default()));
    let stream = JournalStream::new(database, &store);
    (store, stream)
}

async fn on_both(check: impl AsyncFn(Database)) {
    let folder = tempfile::tempdir().unwrap();
    check(Database::open(&folder.path().join("t.db")).unwrap()).await;
    check(Database::open_in_memory().unwrap()).await;
}

async fn read_all(stream: &JournalStream, consumer: &str, limit: usize) -> Vec<EventEnvelope> {
    let mut all = Vec::new();
    loop {
        let events = stream.read(consumer, limit).await.unwrap();
        assert!(events.len() <= limit);
        let Some((position, _)) = events.last() else { return all };
        stream.advance(consumer, *position).await.unwrap();
        all.extend(events.into_iter().map(|(_, event)| event));
    }
}

#[tokio::test]
async fn each_consumer_reads_every_event_once_and_in_order_per_document() {
    on_both(async |database| {
        let (store, stream) = node(database);
        let ids = SeededIds::new(1);
        let stories = (0..20).map(|_| Story::of(&ids, "acme"));
        let (ids, store) = (&ids, &store);
        let writers = stories.map(|mut story| async move {
            for append in story.ingest(ids, 3) {
                store.append(append).await.unwrap();
            }
        });
        join_all(writers).await;
        assert_eq!(stream.backlog("relay").await.unwrap(), 100);
        for (consumer, limit) in [("relay", 7), ("audit", 1_000)] {
            let events = read_all(&stream, consumer, limit).await;
            assert_eq!(events.len(), 100);
            for event in &events {
                let before = events.iter().take_while(|other| other.id != event.id);
                let earlier = before.filter(|other| other.document_id == event.document_id).count();
                assert_eq!(event.sequence, Version::new(earlier as u64 + 1));
            }
        }
        assert_eq!(stream.backlog("relay").await.unwrap(), 0);
    })
    .await;
}

#[tokio::test]
async fn without_advancing_the_same_is_read_again_and_a_cursor_never_goes_back() {
    on_both(async |database| {
        let (store, stream) = node(database);
        let ids = SeededIds::new(1);
        for append in Story::of(&ids, "acme").ingest(&ids, 3) {
            store.append(append).await.unwrap();
        }
        let first = stream.read("relay", 2).await.unwrap();
        assert_eq!(stream.read("relay", 2).await.unwrap(), first);
        stream.advance("relay", first[1].0).await.unwrap();
        stream.advance("relay", first[0].0).await.unwrap();
        assert_eq!(stream.position("relay").await.unwrap(), first[1].0);
        assert_eq!(stream.read("relay", 10).await.unwrap().len(), 3);
    })
    .await;
}

#[tokio::test]
async fn waiting_ends_with_the_next_append() {
    on_both(async |database| {
        let (store, stream) = node(database);
        let ids = SeededIds::new(1);
        let mut story = Story::of(&ids, "acme");
        assert_eq!(stream.wait(0).now_or_never(), None);
        let (woken, appended) = join(stream.wait(0), store.append(story.upload(&ids))).await;
        assert_eq!((woken, appended.unwrap()), (true, Version::new(1)));
        // Nothing is missed between reading and waiting.
        assert_eq!(stream.wait(0).now_or_never(), Some(true));
        assert_eq!(stream.wait(1).now_or_never(), None);
    })
    .await;
}

#[tokio::test]
async fn an_event_of_a_newer_release_stops_the_stream_and_the_load_instead_of_being_skipped() {
    on_both(async |database| {
        let (store, stream) = node(database.clone());
        let ids = SeededIds::new(1);
        let mut story = Story::of(&ids, "acme");
        for append in story.ingest(&ids, 3) {
            store.append(append).await.unwrap();
        }
        let forge = |connection: &rusqlite::Connection| -> Result<usize, PortError> {
            let update = "UPDATE events SET envelope = replace(envelope, '\"schema_version\":1', \
                          '\"schema_version\":99') WHERE sequence = 3";
            connection.execute(update, []).map_err(millrace_adapters_local::sql_error)
        };
        assert_eq!(database.write("forge an event", forge).await.unwrap(), 1);
        let before = stream.read("relay", 10).await.unwrap();
        assert_eq!(before.len(), 2);
        stream.advance("relay", before[1].0).await.unwrap();
        assert_eq!(stream.read("relay", 10).await.unwrap_err().kind, ErrorKind::Corrupt);
        assert_eq!(store.load(&story.key).await.unwrap_err().kind, ErrorKind::Corrupt);
    })
    .await;
}

#[tokio::test]
async fn an_unreadable_snapshot_costs_time_and_nothing_else() {
    on_both(async |database| {
        let (store, _) = node(database.clone());
        let ids = SeededIds::new(1);
        let mut story = Story::of(&ids, "acme");
        store.append(story.upload(&ids)).await.unwrap();
        for append in 0..6 {
            store.append(story.waver(&ids, append * 10..append * 10 + 10)).await.unwrap();
        }
        assert!(store.load(&story.key).await.unwrap().unwrap().snapshot.is_some());
        let forge = |connection: &rusqlite::Connection| -> Result<usize, PortError> {
            connection
                .execute("UPDATE snapshots SET state = '{}'", [])
                .map_err(millrace_adapters_local::sql_error)
        };
        database.write("spoil the snapshot", forge).await.unwrap();
        let history = store.load(&story.key).await.unwrap().unwrap();
        assert_eq!((history.snapshot, history.events.len()), (None, 61));
    })
    .await;
}
