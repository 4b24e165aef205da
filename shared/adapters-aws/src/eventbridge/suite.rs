//! `EventBridgeEventBus` against the emulator, with rules that put events on queues.

use std::sync::Arc;

use aws_sdk_eventbridge::types::Target;
use aws_sdk_sqs::types::QueueAttributeName;
use millrace_emulator::unique;
use millrace_test_support::event_bus_suite::{EventBusFixture, SUITE_RULES};
use serde_json::{Value, json};

use super::EventBridgeEventBus;
use crate::connection::emulated;
use crate::sqs::SqsJobQueue;
use crate::sqs::suite::create_queues;

millrace_test_support::remote_event_bus_suite!(fixture);

async fn fixture() -> EventBusFixture {
    let connection = emulated::connection();
    let (events, sqs) = (connection.eventbridge(), connection.sqs());
    let queues = create_queues(&sqs).await;
    let bus = unique("bus");
    events.create_event_bus().name(&bus).send().await.unwrap();
    for (subscriber, types) in SUITE_RULES {
        let types: Vec<Value> = types
            .iter()
            .map(|name| name.strip_suffix('*').map_or(json!(name), |prefix| json!({ "prefix": prefix })))
            .collect();
        let pattern = json!({ "source": ["millrace"], "detail-type": types }).to_string();
        let rule = events.put_rule().name(subscriber.as_str()).event_bus_name(&bus).event_pattern(pattern);
        rule.send().await.unwrap();
        let queue = sqs.get_queue_attributes().queue_url(&queues.0[subscriber].queue);
        let queue = queue.attribute_names(QueueAttributeName::QueueArn).send().await.unwrap();
        let arn = &queue.attributes().unwrap()[&QueueAttributeName::QueueArn];
        let target = Target::builder().id("queue").arn(arn).build().unwrap();
        let put = events.put_targets().rule(subscriber.as_str()).event_bus_name(&bus).targets(target);
        assert_eq!(put.send().await.unwrap().failed_entry_count, 0);
    }
    EventBusFixture {
        bus: Arc::new(EventBridgeEventBus::new(events, bus)),
        consumer: Arc::new(SqsJobQueue::new(sqs, queues)),
        keep: Box::new(()),
    }
}
