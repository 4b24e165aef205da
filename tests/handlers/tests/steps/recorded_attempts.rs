//! What a step cost is in the history: the attempts of the claim that was completed stand in the step's events.

use handlers::{Trouble, World};
use millrace_domain::{DocumentEvent, QueueName, SagaHistory, SagaStepName};

use crate::prose::prose;

#[tokio::test]
async fn a_step_that_failed_twice_is_recorded_with_three_attempts() {
    let world = World::new().await;
    let key = world.upload(&prose("ferry", 3)).await;
    world.deliver(QueueName::Ingest, 1).await;
    world.embedder.fail(Trouble::Unavailable, 2);
    for _ in 0..3 {
        world.deliver(QueueName::Embed, 1).await;
        world.clock.advance_ms(750_000);
    }
    let history = world.history(&key).await;
    let attempts: Vec<_> = history
        .iter()
        .filter_map(|envelope| match &envelope.event {
            DocumentEvent::TextExtracted(data) => Some(data.attempts),
            DocumentEvent::DocumentChunked(data) => Some(data.attempts),
            DocumentEvent::ChunksEmbedded(data) => Some(data.attempts),
            _ => None,
        })
        .collect();
    assert_eq!(attempts, [Some(1), Some(1), Some(3)]);
    let steps = SagaHistory::of(history.iter().map(|envelope| (&envelope.event, envelope.time)));
    let embedded = steps.iter().find(|step| step.step == SagaStepName::Embed).unwrap();
    assert_eq!(embedded.attempts, Some(3));
    assert!(embedded.duration_ms().unwrap() >= 1_500_000, "the waits between attempts count: {embedded:?}");
}
