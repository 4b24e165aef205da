//! Runs a batch of job messages: decodes each into its job, dead-letters what is not a job.

use std::future::Future;

use aws_lambda_events::event::sqs::SqsBatchResponse;
use millrace_application::{Delivery, JobOutcome};
use millrace_domain::QueueName;
use millrace_ports::{JobQueue, ReceivedMessage};

use crate::{Batch, run_batch};

/// Runs the jobs of an SQS event. A body that is not a job goes to the dead-letter queue, saying why.
pub async fn run_job_batch<Handle, Handled>(
    batch: impl Into<Batch>,
    queue: QueueName,
    jobs: &dyn JobQueue,
    concurrency: usize,
    handle: Handle,
) -> SqsBatchResponse
where
    Handle: Fn(Delivery) -> Handled,
    Handled: Future<Output = JobOutcome>,
{
    run_batch(batch, queue, jobs, concurrency, |message| {
        let decoded = decode(&message).map(&handle);
        async move {
            match decoded {
                Ok(handled) => handled.await,
                Err(reason) => JobOutcome::malformed(reason),
            }
        }
    })
    .await
}

fn decode(message: &ReceivedMessage) -> Result<Delivery, String> {
    let job = serde_json::from_str(&message.body).map_err(|error| format!("malformed job: {error}"))?;
    Ok(Delivery {
        job,
        message_id: message.message_id.clone(),
        receive_count: message.receive_count,
        redriven: message.is_redriven(),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use millrace_domain::Job;
    use millrace_ports::{DEAD_LETTER_REASON, DeadLetterCode};

    use aws_lambda_events::event::sqs::SqsEvent;

    use super::*;
    use crate::recording_queue::{RecordingQueue, Steered, event_of, received};
    use crate::to_sqs_event;

    const JOB: &str = r#"{"tenant_id":"acme","document_id":"0199a000-0000-7000-8000-000000000001",
        "job":"ingest_document","generation":2,"correlation_id":"0199a000-0000-7000-8000-00000000c001"}"#;

    /// Runs an event; gives what reached the handler.
    async fn deliveries(queue: &RecordingQueue, event: SqsEvent) -> Vec<Delivery> {
        let seen = Mutex::new(Vec::new());
        let handle = |delivery| async {
            seen.lock().unwrap().push(delivery);
            JobOutcome::Acknowledge
        };
        let response = run_job_batch(event, QueueName::Ingest, queue, 1, handle).await;
        assert!(response.batch_item_failures.is_empty());
        seen.into_inner().unwrap()
    }

    #[tokio::test]
    async fn a_job_is_decoded_with_its_address() {
        let seen = deliveries(&RecordingQueue::default(), event_of(&[JOB])).await;
        assert!(!seen[0].redriven);
        assert_eq!((seen[0].message_id.as_str(), seen[0].receive_count), ("m-1", 2));
        assert_eq!(seen[0].job.tenant_id.as_str(), "acme");
        assert!(matches!(seen[0].job.job, Job::IngestDocument { generation } if generation.get() == 2));
    }

    #[tokio::test]
    async fn a_dead_letter_that_comes_back_is_known_by_its_reason() {
        let mut message = received(1, JOB);
        message.attributes.insert(DEAD_LETTER_REASON.into(), "embedder unavailable".into());
        let event = to_sqs_event(QueueName::Ingest, vec![message]);
        assert!(deliveries(&RecordingQueue::default(), event).await[0].redriven);
    }

    #[tokio::test]
    async fn what_is_no_job_is_dead_lettered_with_the_decoders_words_and_not_handled() {
        let unknown = JOB.replace("ingest_document", "translate_document");
        let other_tenant = JOB.replace("acme", "../acme");
        let bodies = ["", "{", "[]", "null", &unknown, &other_tenant];
        let queue = RecordingQueue::default();
        assert_eq!(deliveries(&queue, event_of(&bodies)).await.len(), 0);
        let steered = queue.steered();
        assert_eq!(steered.len(), bodies.len());
        for one in &steered {
            let Steered::DeadLettered { reason, code, .. } = one else { panic!("{one:?}") };
            assert_eq!(*code, DeadLetterCode::Malformed);
            assert!(reason.starts_with("malformed job: "), "{reason}");
        }
    }

    /// A release that adds a field sends to workers that do not know it yet.
    #[tokio::test]
    async fn a_field_of_a_later_release_is_no_obstacle() {
        let later = JOB.replacen('{', r#"{"priority":"high","#, 1);
        assert_eq!(deliveries(&RecordingQueue::default(), event_of(&[&later])).await.len(), 1);
    }
}
