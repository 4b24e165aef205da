//! Every port suite on both forms of the database: on a file, with its threads, and in memory, as simulations use it.
#![expect(clippy::unwrap_used, reason = "in helpers of tests, which the lint does not recognise as such")]

use std::any::Any;
use std::collections::HashMap;
use std::sync::Arc;

use millrace_adapters_local::{
    Database, EventPattern, LocalEventBus, Publications, Rule, SqliteEmbeddingCache, SqliteEventStore,
    SqliteJobLedger, SqliteJobQueue, SqliteReadModel, SqliteSettings,
};
use millrace_domain::QueueName;
use millrace_test_support::SimClock;
use millrace_test_support::api_key_store_suite::ApiKeyStoreFixture;
use millrace_test_support::collection_store_suite::CollectionStoreFixture;
use millrace_test_support::embedding_cache_suite::EmbeddingCacheFixture;
use millrace_test_support::event_bus_suite::{EventBusFixture, SUITE_RULES};
use millrace_test_support::event_store_suite::EventStoreFixture;
use millrace_test_support::job_ledger_suite::JobLedgerFixture;
use millrace_test_support::job_queue_suite::{JobQueueFixture, SUITE_QUEUE_POLICY};
use millrace_test_support::read_model_suite::ReadModelFixture;

type Keep = Box<dyn Any + Send + Sync>;

fn on_file() -> (Database, Keep) {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::open(&folder.path().join("suite.db")).unwrap();
    (database, Box::new(folder))
}

fn in_memory() -> (Database, Keep) {
    (Database::open_in_memory().unwrap(), Box::new(()))
}

fn event_store((database, keep): (Database, Keep)) -> EventStoreFixture {
    let clock = Arc::new(SimClock::default());
    EventStoreFixture {
        store: Arc::new(SqliteEventStore::new(database.clone(), Arc::new(Publications::default()))),
        ledger: Arc::new(SqliteJobLedger::new(database, Arc::clone(&clock) as _)),
        clock,
        keep,
    }
}

fn job_ledger((database, keep): (Database, Keep)) -> JobLedgerFixture {
    let clock = Arc::new(SimClock::default());
    JobLedgerFixture {
        ledger: Arc::new(SqliteJobLedger::new(database, Arc::clone(&clock) as _)),
        clock,
        keep,
    }
}

fn queue(database: Database, clock: Arc<SimClock>) -> Arc<SqliteJobQueue> {
    let policies: HashMap<_, _> = QueueName::ALL.map(|name| (name, SUITE_QUEUE_POLICY)).into();
    Arc::new(SqliteJobQueue::new(database, clock, policies))
}

fn job_queue((database, keep): (Database, Keep)) -> JobQueueFixture {
    let clock = Arc::new(SimClock::default());
    let queue = queue(database, Arc::clone(&clock));
    JobQueueFixture {
        queue: Arc::clone(&queue) as _,
        consumer: Arc::clone(&queue) as _,
        dead_letters: queue,
        clock,
        keep,
    }
}

fn event_bus((database, keep): (Database, Keep)) -> EventBusFixture {
    let queue = queue(database, Arc::new(SimClock::default()));
    let rules: Vec<Rule> = SUITE_RULES.iter().map(|(subscriber, types)| rule(*subscriber, types)).collect();
    EventBusFixture {
        bus: Arc::new(LocalEventBus::new(Arc::clone(&queue) as _, &rules)),
        consumer: queue,
        keep,
    }
}

fn rule(subscriber: QueueName, types: &[&str]) -> Rule {
    let pattern = match types {
        [prefix] if prefix.ends_with('*') => EventPattern::Prefix(prefix.trim_end_matches('*').into()),
        types => EventPattern::Types(types.iter().map(|name| (*name).to_owned()).collect()),
    };
    Rule { subscriber, pattern }
}

fn read_model((database, keep): (Database, Keep)) -> ReadModelFixture {
    ReadModelFixture { model: Arc::new(SqliteReadModel::new(database)), keep }
}

fn embedding_cache((database, keep): (Database, Keep)) -> EmbeddingCacheFixture {
    EmbeddingCacheFixture { cache: Arc::new(SqliteEmbeddingCache::new(database, 1_000)), keep }
}

fn collections((database, keep): (Database, Keep)) -> CollectionStoreFixture {
    CollectionStoreFixture { collections: Arc::new(SqliteSettings::new(database)), keep }
}

fn api_keys((database, keep): (Database, Keep)) -> ApiKeyStoreFixture {
    ApiKeyStoreFixture { api_keys: Arc::new(SqliteSettings::new(database)), keep }
}

/// A suite, twice.
macro_rules! on_both {
    ($name:ident, $suite:ident, $make:ident, $fixture:ident) => {
        mod $name {
            mod on_file {
                async fn fixture() -> super::super::$fixture {
                    super::super::$make(super::super::on_file())
                }
                millrace_test_support::$suite!(fixture);
            }
            mod in_memory {
                async fn fixture() -> super::super::$fixture {
                    super::super::$make(super::super::in_memory())
                }
                millrace_test_support::$suite!(fixture);
            }
        }
    };
}

on_both!(event_store_cases, event_store_suite, event_store, EventStoreFixture);
on_both!(job_ledger_cases, job_ledger_suite, job_ledger, JobLedgerFixture);
on_both!(job_queue_cases, job_queue_suite, job_queue, JobQueueFixture);
on_both!(dead_letter_cases, dead_letter_suite, job_queue, JobQueueFixture);
on_both!(event_bus_cases, event_bus_suite, event_bus, EventBusFixture);
on_both!(read_model_cases, read_model_suite, read_model, ReadModelFixture);
on_both!(embedding_cache_cases, embedding_cache_suite, embedding_cache, EmbeddingCacheFixture);
on_both!(collection_cases, collection_store_suite, collections, CollectionStoreFixture);
on_both!(api_key_cases, api_key_store_suite, api_keys, ApiKeyStoreFixture);
