//! Where the queues are, and the calls that every part of this folder needs.

use std::collections::BTreeMap;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::QueueAttributeName;
use millrace_domain::QueueName;
use millrace_ports::{ErrorKind, PortError};

use super::failure::failure;

/// The addresses of one queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqsQueueUrls {
    /// Of the queue itself.
    pub queue: String,
    /// Of its dead-letter queue, which its redrive policy names, too.
    pub dead_letters: String,
}

/// The addresses of the queues that a function may use. Using another one is `Invalid`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SqsQueues(pub BTreeMap<QueueName, SqsQueueUrls>);

/// The queues and the client that reaches them.
#[derive(Debug, Clone)]
pub(super) struct Queues {
    pub(super) client: Client,
    pub(super) urls: SqsQueues,
}

impl Queues {
    /// The addresses of a queue.
    pub(super) fn urls(&self, queue: QueueName) -> Result<&SqsQueueUrls, PortError> {
        let unknown =
            || PortError::new(ErrorKind::Invalid, format!("find queue {queue}: no address is configured"));
        self.urls.0.get(&queue).ok_or_else(unknown)
    }

    /// Some of a queue's attributes; counts are approximate.
    pub(super) async fn attributes<const N: usize>(
        &self,
        url: &str,
        names: [QueueAttributeName; N],
    ) -> Result<[String; N], PortError> {
        let attempted = format!("look at queue {url}");
        let ask = self.client.get_queue_attributes().queue_url(url).set_attribute_names(Some(names.to_vec()));
        let answer = ask.send().await.map_err(|error| failure(error, attempted.clone()))?;
        let attributes = answer.attributes().cloned().unwrap_or_default();
        let missing = names.iter().find(|name| !attributes.contains_key(name));
        if let Some(name) = missing {
            let cause = format!("the answer has no {name}");
            return Err(PortError::caused(ErrorKind::Unavailable, attempted, cause));
        }
        Ok(names.map(|name| attributes.get(&name).cloned().unwrap_or_default()))
    }

    /// Some of a queue's counts.
    pub(super) async fn counts<const N: usize>(
        &self,
        url: &str,
        names: [QueueAttributeName; N],
    ) -> Result<[u64; N], PortError> {
        let counts = self.attributes(url, names).await?;
        Ok(counts.map(|count| count.parse().unwrap_or(0)))
    }
}
