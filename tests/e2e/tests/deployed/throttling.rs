//! Services without capacity and services that fail, for longer than an SDK tries by itself: a delay, and no attempt of the
//! document's is spent.

use futures::future::join_all;

use crate::client::Tenant;
use crate::faults::{Counted, Fault, Rule};
use crate::history::assert_ready_once;
use crate::stack::{Stack, run};

/// More than the attempts of an SDK's call, so that the step itself is put off.
const TIMES: usize = 4;

/// What each worker cannot do without.
const NEEDED: [(&str, &str); 8] = [
    ("chunk-worker", "dynamodb Query"),
    ("chunk-worker", "s3 PUT"),
    ("chunk-worker", "dynamodb TransactWriteItems"),
    ("embed-worker", "s3 GET"),
    ("embed-worker", "s3vectors PutVectors"),
    ("embed-worker", "dynamodb TransactWriteItems"),
    ("event-relay", "events PutEvents"),
    ("projector", "dynamodb PutItem"),
];

async fn disturb(stack: &Stack, prefix: &str, fault: Fault) {
    let rule = |(index, (function, operation)): (usize, &(&'static str, &'static str))| Rule {
        tenant: format!("{prefix}-{index:02}"),
        function,
        counted: Counted::Operation(operation),
        first: 0,
        times: TIMES,
        fault,
    };
    join_all(NEEDED.iter().enumerate().map(rule).map(|rule| one(stack, rule))).await;
}

async fn one(stack: &Stack, rule: Rule) {
    let tenant = Tenant::new(stack, &rule.tenant).await;
    stack.faults.add(rule.clone());
    let id = tenant.upload("the zqferry leaves at noon").await;
    assert_ready_once(stack, &tenant, &id, "zqferry").await;
    tenant.listed(&id).await;
    assert_eq!(stack.faults.end(&rule.tenant), [TIMES], "{rule:?}");
}

#[test]
fn throttling_delays_a_document_and_nothing_else() {
    run(async |stack| disturb(stack, "throttled", Fault::Throttle).await);
}

#[test]
fn a_service_that_fails_for_a_while_delays_a_document_and_nothing_else() {
    run(async |stack| disturb(stack, "failing", Fault::Fail).await);
}
