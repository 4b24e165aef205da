//! Which queues there are, how they treat their messages, and which events go to which subscriber: written once, here.
//! A single node is built from it; the infrastructure template is held to it by a test.

use millrace_domain::QueueName;
use millrace_ports::QueuePolicy;

use crate::StepPolicy;

/// A subscriber's rule on the bus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subscription {
    /// The subscriber's queue.
    pub queue: QueueName,
    /// It gets every event whose type begins so.
    pub event_type_prefix: &'static str,
}

/// All subscriptions.
pub const SUBSCRIPTIONS: [Subscription; 1] =
    [Subscription { queue: QueueName::Projector, event_type_prefix: "millrace.document." }];

/// After so many receives a message moves to the dead-letter queue whatever its worker says. Above the attempts of a
/// step, which count only claims: this is the net beneath it, for workers that die before they can say anything.
const RECEIVES_MAX: u32 = 10;

/// How a queue treats its messages. A message of a step stays hidden for longer than the step's lease, so that it
/// does not come again while its worker may still be at it.
pub const fn queue_policy(queue: QueueName, steps: StepPolicy) -> QueuePolicy {
    let visibility_timeout_ms = match queue {
        QueueName::Ingest | QueueName::Embed | QueueName::Purge => steps.lease_ms + 30_000,
        QueueName::Projector | QueueName::Uploads => 60_000,
    };
    QueuePolicy { visibility_timeout_ms, receives_max: RECEIVES_MAX }
}
