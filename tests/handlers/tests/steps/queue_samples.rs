//! The sample invocations of each function behind a queue: how they are run, and what the workers' samples that are in the
//! same trouble lead to alike. What else a function's samples lead to is in the file named after it.

use aws_lambda_events::event::sqs::SqsEvent;
use handlers::SampleDocument::Report;
use handlers::{World, sample, sample_names};
use millrace_domain::QueueName;
use millrace_test_support::builders::trace;
use serde_json::json;

use crate::prose::prose;

/// The samples of one function.
#[derive(Debug)]
pub(crate) struct QueueSamples {
    function: &'static str,
    queue: QueueName,
}

pub(crate) const CHUNK_WORKER: QueueSamples =
    QueueSamples { function: "chunk-worker", queue: QueueName::Ingest };
pub(crate) const EMBED_WORKER: QueueSamples =
    QueueSamples { function: "embed-worker", queue: QueueName::Embed };
pub(crate) const PROJECTOR: QueueSamples =
    QueueSamples { function: "projector", queue: QueueName::Projector };
pub(crate) const SWEEPER: QueueSamples = QueueSamples { function: "sweeper", queue: QueueName::Purge };
pub(crate) const UPLOAD_COMPLETER: QueueSamples =
    QueueSamples { function: "upload-completer", queue: QueueName::Uploads };

impl QueueSamples {
    /// Runs a sample that answers that all messages are done with.
    pub(crate) async fn run(&self, world: &World, case: &str) {
        let event: SqsEvent = sample(self.function, case);
        let answer = world.deliver_event(self.queue, event).await;
        assert_eq!(answer.response, json!({ "batchItemFailures": [] }), "{}: {case}", self.function);
    }

    /// Why messages became dead letters.
    pub(crate) async fn reasons(&self, world: &World) -> Vec<String> {
        let dead = world.dead_letters(self.queue).await;
        dead.into_iter().map(|message| message.attributes["dead-letter-reason"].clone()).collect()
    }

    /// Holds that there are these samples and no others.
    pub(crate) fn assert_all_tested(&self, tested: &[&str]) {
        assert_eq!(sample_names(self.function), tested, "{}", self.function);
    }
}

#[tokio::test]
async fn malformed_body() {
    for samples in [CHUNK_WORKER, EMBED_WORKER, SWEEPER] {
        let world = World::new().await;
        samples.run(&world, "malformed_body").await;
        let reasons = samples.reasons(&world).await;
        let alike = matches!(&reasons[..], [one] if one.starts_with("malformed job: "));
        assert!(alike, "{samples:?}: {reasons:?}");
    }
}

#[tokio::test]
async fn unknown_job_kind() {
    for samples in [CHUNK_WORKER, EMBED_WORKER, SWEEPER] {
        let world = World::new().await;
        samples.run(&world, "unknown_job_kind").await;
        let reasons = samples.reasons(&world).await;
        let alike = matches!(&reasons[..], [one] if one.contains("translate_document"));
        assert!(alike, "{samples:?}: {reasons:?}");
    }
}

#[tokio::test]
async fn document_unknown() {
    for samples in [CHUNK_WORKER, EMBED_WORKER] {
        let world = World::new().await;
        samples.run(&world, "document_unknown").await;
        let expected = ["document 0199a000-0000-7000-8000-0000000000ff does not exist"];
        assert_eq!(samples.reasons(&world).await, expected, "{samples:?}");
    }
}

#[tokio::test]
async fn stale_generation() {
    for samples in [CHUNK_WORKER, EMBED_WORKER] {
        let world = World::new().await;
        let key = world.begin_ready(Report, &prose("ferry", 9)).await;
        world.replace(&key, &prose("lighthouse", 5)).await;
        let before = (world.history(&key).await, world.stored(&key, None).await);
        samples.run(&world, "stale_generation").await;
        assert_eq!((world.history(&key).await, world.stored(&key, None).await), before, "{samples:?}");
        // The first generation is what queries see until the second is complete.
        assert!(world.hits(&key, "ferry").await > 0, "{samples:?}");
        assert_eq!(samples.reasons(&world).await.len(), 0, "{samples:?}");
    }
}

#[tokio::test]
async fn deleted_document() {
    for samples in [CHUNK_WORKER, EMBED_WORKER] {
        let world = World::new().await;
        let key = world.begin_ready(Report, &prose("ferry", 9)).await;
        world.delete.run(&key, None, &trace(&*world.ids)).await.unwrap();
        samples.run(&world, "deleted_document").await;
        world.settle().await;
        let before = world.history(&key).await;
        samples.run(&world, "deleted_document").await;
        assert_eq!(world.history(&key).await, before, "{samples:?}");
        assert_eq!(samples.reasons(&world).await.len(), 0, "{samples:?}");
    }
}
