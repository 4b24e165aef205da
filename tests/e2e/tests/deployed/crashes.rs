//! Workers that die, and connections that break, at every request that they make: each time another document, each time the
//! same end. A first, undisturbed document shows which requests there are.

use std::time::Duration;

use futures::StreamExt as _;
use futures::future::join_all;
use futures::stream::iter;

use crate::client::Tenant;
use crate::emulated_aws::eventually;
use crate::faults::{Call, Counted, Fault, Rule};
use crate::history::assert_ready_once;
use crate::stack::{Stack, run};
use crate::subscriber::Subscriber;

/// More changes than this would make the tests slow without anybody noticing.
const WRITES_MAX: usize = 20;
/// Documents that are on their way at once, so that the workers' processes fit on a small machine.
const AT_ONCE: usize = 8;
/// The whole of a test, on a machine that compiles meanwhile.
const TIME_MAX: Duration = Duration::from_secs(300);

/// The chunks of one batch: with several at once the order of requests is not the same each time.
const SHORT: &str =
    "The zqferry leaves at noon, crosses the lake in half an hour and comes back before dusk.";

/// Three chunks, in two batches.
fn long() -> String {
    format!("# Ferries\n\n{}", format!("{SHORT} ").repeat(30))
}

/// The tenants of the undisturbed documents.
const CALM_SHORT: &str = "calm-short";
const CALM_LONG: &str = "calm-long";

/// Sends both documents through a stack on which nothing else happens yet, and keeps what the functions asked.
pub(crate) async fn watch_undisturbed_documents(stack: &Stack) {
    for (tenant, text) in [(CALM_SHORT, SHORT.to_owned()), (CALM_LONG, long())] {
        stack.faults.watch(tenant);
        let tenant = Tenant::new(stack, tenant).await;
        let id = tenant.upload_until_accepted(&text).await;
        assert_ready_once(stack, &tenant, &id, "zqferry").await;
    }
}

/// What a function asked about an undisturbed document.
fn undisturbed(stack: &Stack, tenant: &str, function: &str) -> Vec<Call> {
    let calls = stack.faults.calls_of(function, tenant);
    let writes = calls.iter().filter(|call| call.is_write()).count();
    assert!((4..WRITES_MAX).contains(&writes), "{function}: {calls:?}");
    calls
}

/// Rules that kill a function before its first change, and after each.
fn kills(function: &'static str, prefix: &str, calls: &[Call]) -> Vec<Rule> {
    let rule = |index: usize, first, fault| Rule {
        // Of the same length, so that none is the beginning of another.
        tenant: format!("{prefix}-{index:02}"),
        function,
        counted: Counted::Writes,
        first,
        times: 1,
        fault,
    };
    let writes = calls.iter().filter(|call| call.is_write()).count();
    let after = (0..writes).map(|first| rule(first + 1, first, Fault::KillAfter));
    std::iter::once(rule(0, 0, Fault::KillBefore)).chain(after).collect()
}

/// Rules that break the connection at each request of a function: after it took effect, if it has one.
fn cuts(function: &'static str, prefix: &str, calls: &[Call]) -> Vec<Rule> {
    let fault = |call: &Call| if call.is_write() { Fault::CutAfter } else { Fault::CutBefore };
    let rule = |(first, call): (usize, &Call)| Rule {
        tenant: format!("{prefix}-{first:02}"),
        function,
        counted: Counted::All,
        first,
        times: 1,
        fault: fault(call),
    };
    calls.iter().enumerate().map(rule).collect()
}

/// A document for each rule, all of which must end as if nothing had happened.
async fn disturb(stack: &Stack, rules: Vec<Rule>, text: &str) {
    let documents = iter(rules.into_iter().map(|rule| one(stack, rule, text)));
    let all = documents.buffer_unordered(AT_ONCE).collect::<Vec<()>>();
    tokio::time::timeout(TIME_MAX, all).await.expect("all documents came to their end");
}

async fn one(stack: &Stack, rule: Rule, text: &str) {
    let tenant = Tenant::new(stack, &rule.tenant).await;
    stack.faults.add(rule.clone());
    let (id, ()) = tokio::join!(tenant.upload_until_accepted(text), async {
        eventually(&format!("{rule:?}"), async || stack.faults.fired(&rule.tenant) == 1).await;
        if matches!(rule.fault, Fault::KillBefore | Fault::KillAfter) {
            // What died with the worker cannot be given back: its leases end after five minutes, here at once. A batch may
            // hold messages of any test, so all leases end; a worker that lives keeps its claim until somebody wants it.
            stack.aws.end_leases().await;
        }
    });
    assert_ready_once(stack, &tenant, &id, "zqferry").await;
    tenant.listed(&id).await;
    assert_eq!(stack.faults.end(&rule.tenant), [1], "{rule:?}");
}

#[test]
fn a_chunk_worker_that_dies_at_any_change_loses_nothing_and_repeats_nothing() {
    run(async |stack| {
        let calls = undisturbed(stack, CALM_LONG, "chunk-worker");
        disturb(stack, kills("chunk-worker", "kill-chunk", &calls), &long()).await;
    });
}

#[test]
fn an_embed_worker_that_dies_at_any_change_loses_nothing_and_repeats_nothing() {
    run(async |stack| {
        let calls = undisturbed(stack, CALM_SHORT, "embed-worker");
        disturb(stack, kills("embed-worker", "kill-embed", &calls), SHORT).await;
    });
}

#[test]
fn an_api_that_dies_at_any_change_accepts_one_document_from_a_client_that_repeats_itself() {
    run(async |stack| {
        let calls = undisturbed(stack, CALM_SHORT, "api");
        disturb(stack, kills("api", "kill-api", &calls), SHORT).await;
    });
}

#[test]
fn connections_that_break_at_any_request_lose_nothing_and_repeat_nothing() {
    run(async |stack| {
        let of = |function| undisturbed(stack, CALM_SHORT, function);
        let mut rules = cuts("chunk-worker", "cut-chunk", &of("chunk-worker"));
        rules.extend(cuts("embed-worker", "cut-embed", &of("embed-worker")));
        disturb(stack, rules, SHORT).await;
    });
}

#[test]
fn a_relay_and_a_projector_that_die_deliver_every_event() {
    run(async |stack| {
        let deaths = [
            ("event-relay", "events PutEvents", Fault::KillBefore),
            ("event-relay", "events PutEvents", Fault::KillAfter),
            ("projector", "dynamodb PutItem", Fault::KillBefore),
            ("projector", "dynamodb PutItem", Fault::KillAfter),
        ];
        let rule =
            |(index, (function, operation, fault)): (usize, (&'static str, &'static str, Fault))| Rule {
                tenant: format!("told-{index}"),
                function,
                counted: Counted::Operation(operation),
                first: 0,
                times: 1,
                fault,
            };
        join_all(deaths.into_iter().enumerate().map(rule).map(|rule| told(stack, rule))).await;
    });
}

async fn told(stack: &'static Stack, rule: Rule) {
    let subscriber = Subscriber::of(stack, &rule.tenant).await;
    let tenant = rule.tenant.clone();
    one(stack, rule, SHORT).await;
    let told = subscriber.wait_for(5).await;
    let sequences: Vec<_> = told.iter().map(|event| event["sequence"].as_u64().unwrap()).collect();
    assert_eq!(sequences, [1, 2, 3, 4, 5], "{tenant}");
}
