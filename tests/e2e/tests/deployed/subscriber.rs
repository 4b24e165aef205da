//! A subscriber as somebody else would add it: a queue and a rule on the bus, nothing of Millrace changed.

use std::sync::Mutex;
use std::time::Instant;

use aws_sdk_eventbridge::types::Target;
use aws_sdk_sqs::types::QueueAttributeName;
use serde_json::{Value, json};

use crate::emulated_aws::DEADLINE;
use crate::stack::Stack;

/// A queue that gets a tenant's events.
#[derive(Debug)]
pub(crate) struct Subscriber {
    stack: &'static Stack,
    url: String,
    /// The rule that sends to it.
    pub(crate) rule_arn: String,
    received: Mutex<Vec<String>>,
}

impl Subscriber {
    /// Subscribes to a tenant's events from now on.
    pub(crate) async fn of(stack: &'static Stack, tenant: &str) -> Self {
        Self::named(stack, tenant, &format!("subscriber-{tenant}")).await
    }

    /// The same under a name.
    pub(crate) async fn named(stack: &'static Stack, tenant: &str, name: &str) -> Self {
        let (sqs, events) = (stack.aws.connection.sqs(), stack.aws.connection.eventbridge());
        let name = stack.aws.name(name);
        let created = sqs.create_queue().queue_name(&name).send().await.unwrap();
        let url = created.queue_url().unwrap().to_owned();
        let get = sqs.get_queue_attributes().queue_url(&url).attribute_names(QueueAttributeName::QueueArn);
        let attributes = get.send().await.unwrap();
        let arn = &attributes.attributes().unwrap()[&QueueAttributeName::QueueArn];
        let pattern = json!({ "source": ["millrace"], "detail": { "tenant_id": [tenant] } });
        let bus = stack.aws.name("events");
        let rule = events.put_rule().name(&name).event_bus_name(&bus).event_pattern(pattern.to_string());
        let rule_arn = rule.send().await.unwrap().rule_arn().unwrap().to_owned();
        let target = Target::builder().id("queue").arn(arn).build().unwrap();
        events.put_targets().rule(&name).event_bus_name(&bus).targets(target).send().await.unwrap();
        Self { stack, url, rule_arn, received: Mutex::default() }
    }

    /// Waits until so many different events came; gives them by their place in the history.
    pub(crate) async fn wait_for(&self, events: usize) -> Vec<Value> {
        let waited = Instant::now();
        loop {
            let different = self.different();
            if different.len() >= events {
                return different;
            }
            assert!(waited.elapsed() < DEADLINE, "got {} of {events} events: {different:?}", different.len());
            self.receive().await;
        }
    }

    /// All messages as they came, bus envelope and all.
    pub(crate) fn messages(&self) -> Vec<String> {
        self.received.lock().unwrap().clone()
    }

    /// Takes what is there, waiting a second for it.
    pub(crate) async fn receive(&self) {
        let sqs = self.stack.aws.connection.sqs();
        let receive =
            sqs.receive_message().queue_url(&self.url).max_number_of_messages(10).wait_time_seconds(1);
        for message in receive.send().await.unwrap().messages() {
            self.received.lock().unwrap().push(message.body().unwrap().to_owned());
            let handle = message.receipt_handle().unwrap();
            sqs.delete_message().queue_url(&self.url).receipt_handle(handle).send().await.unwrap();
        }
    }

    fn different(&self) -> Vec<Value> {
        let messages = self.messages();
        let detail = |body: &String| serde_json::from_str::<Value>(body).unwrap()["detail"].clone();
        let mut events: Vec<_> = messages.iter().map(detail).collect();
        events.sort_by_key(|event| event["sequence"].as_u64());
        events.dedup_by_key(|event| event["id"].clone());
        events
    }
}
