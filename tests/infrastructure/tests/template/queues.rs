//! Queues and their event sources against shared/application/src/topology.rs and the port's promises.

use std::collections::BTreeSet;

use millrace_application::{ReembedPolicy, StepPolicy, queue_policy};
use millrace_domain::QueueName;
use millrace_ports::DEAD_LETTER_RETENTION_MS;
use serde_json::{Value, json};

use crate::expanded::{list, number, pascal, properties, referred, resources};

fn queue_resource(queue: QueueName) -> String {
    format!("{}Queue", pascal(queue.as_str()))
}

fn dead_letters_resource(queue: QueueName) -> String {
    format!("{}DeadLetters", pascal(queue.as_str()))
}

/// The event source mappings, each with the resource it reads from and the function it calls.
fn event_sources() -> Vec<(&'static str, &'static str, &'static Value)> {
    let parts = |mapping: &'static Value| {
        let source = referred(&mapping["EventSourceArn"]).unwrap();
        (source, referred(&mapping["FunctionName"]).unwrap(), mapping)
    };
    resources("AWS::Lambda::EventSourceMapping").into_values().map(parts).collect()
}

#[test]
fn each_queue_treats_its_messages_as_the_code_says() {
    for queue in QueueName::ALL {
        let policy = queue_policy(queue, StepPolicy::default());
        let deployed = properties(&queue_resource(queue));
        assert_eq!(number(&deployed["VisibilityTimeout"]) * 1_000, policy.visibility_timeout_ms, "{queue}");
        let redrive = &deployed["RedrivePolicy"];
        assert_eq!(number(&redrive["maxReceiveCount"]), u64::from(policy.receives_max), "{queue}");
        assert_eq!(referred(&redrive["deadLetterTargetArn"]), Some(&*dead_letters_resource(queue)));
    }
}

#[test]
fn dead_letters_stay_as_long_as_promised_and_come_from_their_queue_alone() {
    for queue in QueueName::ALL {
        let deployed = properties(&dead_letters_resource(queue));
        assert_eq!(number(&deployed["MessageRetentionPeriod"]) * 1_000, DEAD_LETTER_RETENTION_MS, "{queue}");
        let allowed = &deployed["RedriveAllowPolicy"];
        assert_eq!(allowed["redrivePermission"], "byQueue");
        let name = properties(&queue_resource(queue))["QueueName"]["Fn::Sub"].as_str().unwrap();
        let sources = list(&allowed["sourceQueueArns"]);
        assert_eq!(sources.len(), 1, "{queue}");
        assert!(
            sources[0]["Fn::Sub"].as_str().unwrap().ends_with(&format!(":{name}")),
            "{queue}: {}",
            sources[0]
        );
    }
}

#[test]
fn no_queue_is_left_over() {
    let mut known: BTreeSet<String> = QueueName::ALL
        .into_iter()
        .flat_map(|queue| [queue_resource(queue), dead_letters_resource(queue)])
        .collect();
    known.extend(["ProjectorUndelivered", "EventRelayUnpublished"].map(str::to_owned));
    let deployed: BTreeSet<String> = resources("AWS::SQS::Queue").into_keys().map(str::to_owned).collect();
    assert_eq!(deployed, known);
}

#[test]
fn every_queue_is_encrypted_and_refuses_calls_without_tls() {
    let policies = resources("AWS::SQS::QueuePolicy");
    for (name, queue) in resources("AWS::SQS::Queue") {
        assert_eq!(queue["SqsManagedSseEnabled"], true, "{name}");
        let policy =
            policies.values().find(|policy| list(&policy["Queues"]).iter().any(|q| q["Ref"] == name));
        let policy = policy.unwrap_or_else(|| panic!("{name} has no policy"));
        let refuses = |statement: &&Value| {
            statement["Effect"] == "Deny"
                && statement["Principal"] == "*"
                && statement["Action"] == "sqs:*"
                && referred(&statement["Resource"]) == Some(name)
                && statement["Condition"] == json!({ "Bool": { "aws:SecureTransport": "false" } })
        };
        assert!(
            list(&policy["PolicyDocument"]["Statement"]).iter().any(refuses),
            "{name} accepts plain HTTP"
        );
    }
}

#[test]
fn every_job_queue_has_one_worker() {
    for queue in QueueName::ALL {
        let resource = queue_resource(queue);
        let workers = event_sources().into_iter().filter(|(source, ..)| *source == resource).count();
        assert_eq!(workers, 1, "{queue}");
    }
}

#[test]
fn every_event_source_takes_the_answer_message_by_message() {
    for (source, function, mapping) in event_sources() {
        let types = &mapping["FunctionResponseTypes"];
        assert_eq!(*types, json!(["ReportBatchItemFailures"]), "{source} -> {function}");
    }
}

#[test]
fn a_worker_ends_before_its_message_comes_again_and_before_its_lease() {
    let lease_s = StepPolicy::default().lease_ms / 1_000;
    for queue in QueueName::ALL {
        let resource = queue_resource(queue);
        let visibility_s = number(&properties(&resource)["VisibilityTimeout"]);
        for (_, function, mapping) in event_sources().into_iter().filter(|(source, ..)| *source == resource) {
            let timeout_s = number(&properties(function)["Timeout"]);
            let window_s = number(&mapping["MaximumBatchingWindowInSeconds"]);
            assert!(
                timeout_s + window_s < visibility_s,
                "{function}: {timeout_s} s, {queue}: {visibility_s} s"
            );
            assert!(
                timeout_s < lease_s,
                "{function} may run {timeout_s} s, longer than a lease of {lease_s} s"
            );
        }
    }
}

/// Whoever began a step before a collection's record changed has ended when the saga goes on.
#[test]
fn a_reembedding_waits_longer_than_a_lease() {
    let settle = &properties("Sweeper")["Environment"]["Variables"]["MILLRACE_REEMBEDDING_SETTLE_MS"];
    assert!(number(settle) > StepPolicy::default().lease_ms, "{settle}");
    assert_eq!(number(settle), ReembedPolicy::default().settle_ms, "the single node's");
}

#[test]
fn every_queue_bounds_how_many_workers_it_calls() {
    for (source, function, mapping) in event_sources() {
        if source.ends_with("Queue") {
            let most = number(&mapping["ScalingConfig"]["MaximumConcurrency"]);
            assert!((2..=1_000).contains(&most), "{source} -> {function}: {most}");
        }
    }
}
