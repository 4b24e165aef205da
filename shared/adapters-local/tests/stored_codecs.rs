//! What is stored as JSON or bytes reads back equal: snapshots and views, events, cached vectors, settings. The head's
//! row, receipts and attributes have their properties beside their codecs.

use std::sync::Arc;

use futures::FutureExt;
use millrace_adapters_local::{Database, Publications, SqliteEventStore, SqliteReadModel, SqliteSettings};
use millrace_domain::{Collection, ContentHash, ModelId};
use millrace_ports::{ApiKey, ApiKeyStore, CollectionStore, EventStore, ReadModel};
use millrace_test_support::strategies::{collection_name, story, tenant_id, timestamp};
use millrace_test_support::{SeededIds, Story};
use proptest::prelude::*;

/// In memory a future is done with its first poll.
fn now<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().expect("a database in memory never waits")
}

proptest! {
    #[test]
    fn a_view_reads_back(story in story()) {
        let model = SqliteReadModel::new(Database::open_in_memory().unwrap());
        now(model.save(&[story.view()])).unwrap();
        prop_assert_eq!(now(model.get(&story.key)).unwrap(), Some(story.view()));
    }

    #[test]
    fn a_snapshot_and_its_events_read_back(told in story(), label in ".{1,40}", traceparent in proptest::option::of(".*")) {
        let database = Database::open_in_memory().unwrap();
        let store = SqliteEventStore::new(database, Arc::new(Publications::default()));
        let ids = SeededIds::new(7);
        let mut story = Story::of(&ids, "acme");
        let mut append = story.upload(&ids);
        append.events[0].trace.traceparent = traceparent;
        append.snapshot = Some(Box::new(told.state().clone()));
        append.snapshot.as_mut().unwrap().version = append.head.version;
        let snapshot = append.snapshot.clone().map(|snapshot| *snapshot);
        let mut events = append.events.clone();
        now(store.append(append)).unwrap();
        let append = story.classify(&ids, &label);
        events.extend(append.events.clone());
        now(store.append(append)).unwrap();
        let history = now(store.load(&story.key)).unwrap().unwrap();
        prop_assert_eq!(history.snapshot, snapshot);
        prop_assert_eq!(&history.events, &events[1..]);
        prop_assert_eq!(now(store.read(&story.key, millrace_domain::Version::NONE, 10)).unwrap(), events);
    }

    #[test]
    fn settings_read_back(
        tenant_id in tenant_id(),
        name in collection_name(),
        model in "[!-~]{1,255}",
        dimensions in any::<u16>(),
        created_at in timestamp(),
        label in ".*",
        digest in any::<[u8; 32]>(),
    ) {
        let settings = SqliteSettings::new(Database::open_in_memory().unwrap());
        let model = ModelId::new(model).unwrap();
        let collection = Collection::new(tenant_id.clone(), name, (model, dimensions), created_at);
        now(settings.create_if_absent(collection.clone())).unwrap();
        let stored = now(settings.get(&collection.tenant_id, &collection.name)).unwrap();
        prop_assert_eq!(stored, Some(collection));
        let key = ApiKey { secret_sha256: ContentHash::from_digest(digest), tenant_id, label, created_at };
        now(settings.create(key.clone())).unwrap();
        prop_assert_eq!(now(settings.find(&key.secret_sha256)).unwrap(), Some(key));
    }
}
