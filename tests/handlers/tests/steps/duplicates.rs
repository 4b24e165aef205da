//! Every job that was done once is delivered again, at every stage of a document's life: it changes nothing, and sends its
//! follow-on jobs again, since nobody knows whether the first delivery got so far.

use handlers::{Answer, Trouble, World};
use millrace_domain::{BatchIndex, DocumentKey, Generation, Job, QueueName, Status};
use millrace_test_support::builders::trace;
use serde_json::json;

use crate::prose::prose;

const INGEST: Job = Job::IngestDocument { generation: Generation::FIRST };
const PURGE: Job = Job::PurgeGeneration { generation: Generation::FIRST };

fn embed(batch: u32) -> Job {
    Job::EmbedChunks { generation: Generation::FIRST, batch: BatchIndex::new(batch) }
}

/// Loses every message on every queue.
async fn drop_all(world: &World) {
    for queue in QueueName::ALL {
        world.drop_messages(queue).await;
    }
}

/// Sends a job once more and delivers it. Holds that nothing changes; gives what it sent.
async fn again(world: &World, key: &DocumentKey, job: Job) -> Vec<Job> {
    drop_all(world).await;
    let before = (world.history(key).await, world.stored(key, None).await);
    let queue = job.queue();
    world.send(key, job.clone()).await;
    let answer = world.deliver(queue, 10).await;
    assert_eq!(answer, Answer::Response(json!({ "batchItemFailures": [] })), "{job:?}");
    assert_eq!((world.history(key).await, world.stored(key, None).await), before, "{job:?}");
    assert_eq!(world.dead_letters(queue).await.len(), 0, "{job:?}");
    let mut sent = Vec::new();
    for queue in QueueName::ALL {
        let messages = world.behind.consumer.receive(queue, 100, 0).await.unwrap();
        for message in messages {
            let envelope: millrace_domain::JobEnvelope = serde_json::from_str(&message.body).unwrap();
            assert_eq!(envelope.key(), *key);
            sent.push(envelope.job);
        }
    }
    sent
}

async fn chunked(world: &World) -> DocumentKey {
    let key = world.upload(&prose("ferry", 9)).await;
    world.deliver(QueueName::Ingest, 1).await;
    key
}

#[tokio::test]
async fn while_its_batches_are_owed() {
    let world = World::new().await;
    let key = chunked(&world).await;
    assert_eq!(again(&world, &key, INGEST).await, [embed(0), embed(1)]);
    world.send(&key, embed(0)).await;
    world.deliver(QueueName::Embed, 1).await;
    assert_eq!(again(&world, &key, INGEST).await, [embed(1)], "what is embedded is owed no more");
    assert_eq!(again(&world, &key, embed(0)).await, []);
    assert_eq!(world.embedder.passages(), 2);
}

#[tokio::test]
async fn when_it_is_ready() {
    let world = World::new().await;
    let key = world.ready(&prose("ferry", 9)).await;
    for job in [INGEST, embed(0), embed(1), PURGE, Job::PurgeDocument {}] {
        assert_eq!(again(&world, &key, job).await, []);
    }
    assert_eq!(world.embedder.passages(), 3);
}

#[tokio::test]
async fn when_it_is_cancelled_and_the_purge_is_owed() {
    let world = World::new().await;
    let key = chunked(&world).await;
    world.cancel.run(&key, &trace(&*world.ids)).await.unwrap();
    for job in [INGEST, embed(0), embed(1)] {
        assert_eq!(again(&world, &key, job).await, [PURGE]);
    }
    world.send(&key, PURGE).await;
    world.settle().await;
    for job in [INGEST, embed(0), PURGE] {
        assert_eq!(again(&world, &key, job).await, []);
    }
}

#[tokio::test]
async fn when_it_failed() {
    let world = World::new().await;
    let key = chunked(&world).await;
    world.embedder.fail(Trouble::Invalid, 1);
    world.deliver(QueueName::Embed, 1).await;
    assert_eq!(world.document(&key).await.status, Status::Failed);
    for job in [INGEST, embed(0), embed(1)] {
        assert_eq!(again(&world, &key, job).await, [PURGE]);
    }
}

#[tokio::test]
async fn when_it_is_replaced() {
    let world = World::new().await;
    let key = world.ready(&prose("ferry", 9)).await;
    world.replace(&key, &prose("lighthouse", 9)).await;
    for job in [INGEST, embed(0), PURGE] {
        assert_eq!(again(&world, &key, job).await, []);
    }
    world.send(&key, Job::IngestDocument { generation: Generation::new(2) }).await;
    world.settle().await;
    assert_eq!(world.document(&key).await.published.unwrap().generation, Generation::new(2));
    for job in [INGEST, embed(0), PURGE] {
        assert_eq!(again(&world, &key, job).await, []);
    }
}

#[tokio::test]
async fn when_it_is_being_deleted_and_afterwards() {
    let world = World::new().await;
    let key = world.ready(&prose("ferry", 9)).await;
    world.delete.run(&key, None, &trace(&*world.ids)).await.unwrap();
    for job in [INGEST, embed(0), PURGE] {
        assert_eq!(again(&world, &key, job).await, []);
    }
    world.send(&key, Job::PurgeDocument {}).await;
    world.settle().await;
    assert_eq!(world.document(&key).await.status, Status::Deleted);
    for job in [INGEST, embed(0), PURGE, Job::PurgeDocument {}] {
        assert_eq!(again(&world, &key, job).await, []);
    }
}

/// Clients repeat themselves too.
#[tokio::test]
async fn commands_of_clients_take_effect_once() {
    let world = World::new().await;
    let key = chunked(&world).await;
    world.cancel.run(&key, &trace(&*world.ids)).await.unwrap();
    let cancelled = world.history(&key).await;
    world.cancel.run(&key, &trace(&*world.ids)).await.unwrap();
    assert_eq!(world.history(&key).await, cancelled);
    world.settle().await;
    world.retry.run(&key, &trace(&*world.ids)).await.unwrap();
    let retried = world.history(&key).await;
    world.retry.run(&key, &trace(&*world.ids)).await.unwrap();
    assert_eq!(world.history(&key).await, retried);
    world.settle().await;
    assert_eq!(world.document(&key).await.status, Status::Ready);
    world.delete.run(&key, None, &trace(&*world.ids)).await.unwrap();
    let deleted = world.history(&key).await;
    world.delete.run(&key, None, &trace(&*world.ids)).await.unwrap();
    assert_eq!(world.history(&key).await, deleted);
}
