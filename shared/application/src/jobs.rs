//! Puts jobs on their queues.

use std::collections::BTreeMap;
use std::sync::Arc;

use millrace_domain::{Document, DocumentKey, Job, JobEnvelope, QueueName, Trace};
use millrace_ports::{JobQueue, OutgoingMessage, PortError, TRACEPARENT};

/// Sends jobs.
#[derive(Debug, Clone)]
pub struct Jobs {
    queue: Arc<dyn JobQueue>,
}

impl Jobs {
    /// Jobs over a queue.
    pub fn new(queue: Arc<dyn JobQueue>) -> Self {
        Self { queue }
    }

    /// Sends all jobs that the document is owed and was not owed before. With no `before`, all of them: that is how an
    /// applied step repeats its follow-on jobs.
    pub async fn send_owed(
        &self,
        key: &DocumentKey,
        before: Option<&Document>,
        after: &Document,
        trace: &Trace,
    ) -> Result<usize, PortError> {
        let known = before.map(Document::owed_jobs).unwrap_or_default();
        let mut owed = after.owed_jobs();
        owed.retain(|job| !known.contains(job));
        self.send(key, owed, trace).await
    }

    /// The same for a client's request, after its events were appended: what it asked for has happened, and what it is owed
    /// follows from the history. So a failure to send is not one of the request; the sweeper finds the document owed and
    /// still, and sends the jobs.
    pub(crate) async fn send_owed_if_possible(
        &self,
        key: &DocumentKey,
        before: Option<&Document>,
        after: &Document,
        trace: &Trace,
    ) {
        if let Err(error) = self.send_owed(key, before, after, trace).await {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            tracing::warn!(document.id = %key.document_id, %error, cause, "owed jobs are left to the sweeper");
        }
    }

    /// Sends jobs that nobody waits for: in a share of the queue of their own, so that the tenant's uploads do not wait behind
    /// them.
    pub(crate) async fn send_aside(
        &self,
        key: &DocumentKey,
        jobs: Vec<Job>,
        trace: &Trace,
    ) -> Result<usize, PortError> {
        // No tenant's name has a full stop.
        self.send_in(format!("{}.aside", key.tenant_id), key, jobs, trace).await
    }

    /// Sends jobs of one document; the first failure is the answer, since sending again is harmless.
    pub async fn send(&self, key: &DocumentKey, jobs: Vec<Job>, trace: &Trace) -> Result<usize, PortError> {
        self.send_in(key.tenant_id.to_string(), key, jobs, trace).await
    }

    async fn send_in(
        &self,
        group: String,
        key: &DocumentKey,
        jobs: Vec<Job>,
        trace: &Trace,
    ) -> Result<usize, PortError> {
        let sent = jobs.len();
        let mut by_queue: BTreeMap<QueueName, Vec<OutgoingMessage>> = BTreeMap::new();
        for job in jobs {
            by_queue.entry(job.queue()).or_default().push(message(&group, key, job, trace));
        }
        for (queue, messages) in by_queue {
            self.queue.send(queue, messages).await.into_iter().collect::<Result<Vec<()>, _>>()?;
        }
        Ok(sent)
    }
}

fn message(group: &str, key: &DocumentKey, job: Job, trace: &Trace) -> OutgoingMessage {
    let envelope = JobEnvelope {
        tenant_id: key.tenant_id.clone(),
        document_id: key.document_id,
        job,
        trace: trace.clone(),
    };
    let traceparent = trace.traceparent.iter().map(|value| (TRACEPARENT.to_owned(), value.clone()));
    OutgoingMessage {
        body: envelope.to_body(),
        group: Some(group.to_owned()),
        delay_ms: 0,
        attributes: traceparent.collect(),
    }
}
