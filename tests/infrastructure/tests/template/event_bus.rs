//! The bus's rules against the subscriptions in shared/application/src/topology.rs, and the stream that feeds the bus.

use std::collections::BTreeSet;

use millrace_adapters_aws::dynamodb::schema::journal;
use millrace_application::SUBSCRIPTIONS;
use millrace_domain::EVENT_SOURCE;
use serde_json::{Value, json};

use crate::expanded::{list, pascal, properties, referred, resources};

/// The rules on our bus; the schedule is one on the account's own bus.
fn rules() -> Vec<(&'static str, &'static Value)> {
    let ours = |rule: &(&str, &Value)| rule.1["EventBusName"]["Ref"] == "EventBus";
    resources("AWS::Events::Rule").into_iter().filter(ours).collect()
}

#[test]
fn there_is_a_rule_for_each_subscription_and_no_other() {
    let subscribed: BTreeSet<(String, String)> = SUBSCRIPTIONS
        .iter()
        .map(|one| (format!("{}Queue", pascal(one.queue.as_str())), one.event_type_prefix.to_owned()))
        .collect();
    let mut deployed = BTreeSet::new();
    for (name, rule) in rules() {
        assert_eq!(rule["EventPattern"]["source"], json!([EVENT_SOURCE]), "{name}");
        for target in list(&rule["Targets"]) {
            for pattern in list(&rule["EventPattern"]["detail-type"]) {
                let prefix = pattern["prefix"].as_str().unwrap_or_else(|| panic!("{name} has no prefix"));
                deployed.insert((referred(&target["Arn"]).unwrap().to_owned(), prefix.to_owned()));
            }
        }
    }
    assert_eq!(deployed, subscribed);
}

#[test]
fn a_rule_may_send_to_its_queue_and_to_where_the_undelivered_go() {
    let policies = resources("AWS::SQS::QueuePolicy");
    for (name, rule) in rules() {
        for target in list(&rule["Targets"]) {
            let undelivered =
                referred(&target["DeadLetterConfig"]["Arn"]).unwrap_or_else(|| panic!("{name} loses events"));
            for queue in [referred(&target["Arn"]).unwrap(), undelivered] {
                let allows = |statement: &&Value| {
                    statement["Effect"] == "Allow"
                        && statement["Principal"]["Service"] == "events.amazonaws.com"
                        && referred(&statement["Resource"]) == Some(queue)
                        && referred(&statement["Condition"]["ArnEquals"]["aws:SourceArn"]) == Some(name)
                };
                let statements =
                    policies.values().flat_map(|policy| list(&policy["PolicyDocument"]["Statement"]));
                assert_eq!(statements.filter(allows).count(), 1, "{name} -> {queue}");
            }
        }
    }
}

#[test]
fn the_relay_gets_events_only_in_order_and_from_the_first() {
    let mapping = resources("AWS::Lambda::EventSourceMapping")
        .into_values()
        .find(|mapping| referred(&mapping["EventSourceArn"]) == Some("JournalTable"))
        .unwrap();
    assert_eq!(referred(&mapping["FunctionName"]), Some("EventRelay"));
    let filter = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    let pattern = mapping["FilterCriteria"]["Filters"][0]["Pattern"].as_str().unwrap();
    assert_eq!(filter(pattern), filter(journal::STREAM_FILTER));
    assert_eq!(mapping["FilterCriteria"]["Filters"].as_array().unwrap().len(), 1);
    assert_eq!(mapping["StartingPosition"], "TRIM_HORIZON", "events from before the mapping would be lost");
    assert_eq!(mapping["BisectBatchOnFunctionError"], false);
    assert_eq!(properties("JournalTable")["StreamSpecification"]["StreamViewType"], "NEW_IMAGE");
}
