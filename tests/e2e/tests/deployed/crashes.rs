//! Workers that die, and connections that break, at every request that they make: each time another document, each time the
//! same end. A first, undisturbed document shows which requests there are.

use std::time::{Duration, Instant};

use futures::future::join_all;

use crate::client::Tenant;
use crate::emulated_aws::DEADLINE;
use crate::faults::{Counted, Fault, Rule};
use crate::history::assert_ready_once;
use crate::stack::{Stack, run};

/// Requests beyond this number would make the test slow without anybody noticing.
const REQUESTS_MAX: usize = 40;
/// Documents that are on their way at once, so that the workers' processes fit on a small machine.
const AT_ONCE: usize = 6;
const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// Three chunks, in two batches.
fn text() -> String {
    let sentence = "The zqferry leaves at noon, crosses the lake in half an hour and comes back before dusk. ";
    format!("# Ferries\n\n{}", sentence.repeat(30))
}

/// What an undisturbed document of a new tenant makes a function ask, or only what it makes it change.
async fn requests(stack: &Stack, tenant: &str, function: &str, writes: bool) -> usize {
    let (faults, tenant) = (&stack.faults, Tenant::new(stack, tenant).await);
    faults.watch(&tenant.name);
    let id = tenant.upload(text()).await;
    assert_ready_once(stack, &tenant, &id, "zqferry").await;
    let found =
        if writes { faults.writes_of(function, &tenant.name) } else { faults.requests_of(function, &tenant.name) };
    eprintln!("{function} {writes}: {found:?}");
    assert!((4..REQUESTS_MAX).contains(&found.len()), "{function}: {found:?}");
    found.len()
}

/// A fault at each of a function's first `count` requests, each for a tenant of its own, and what becomes of the documents.
async fn disturb(stack: &Stack, function: &'static str, counted: Counted, count: usize, faults: &[Fault]) {
    let rules = faults.iter().enumerate().flat_map(|(kind, fault)| {
        (0..count).map(move |first| Rule {
            // Of fixed length, so that none is the beginning of another; index names show no more.
            tenant: format!("{}{kind}{first:02}", prefix(function, counted)),
            function,
            counted,
            first,
            times: 1,
            fault: *fault,
        })
    });
    let rules: Vec<Rule> = rules.collect();
    for some in rules.chunks(AT_ONCE) {
        join_all(some.iter().map(|rule| one(stack, rule.clone()))).await;
    }
}

/// Five letters.
fn prefix(function: &str, counted: Counted) -> String {
    let what = if counted == Counted::Writes { "kill" } else { "cut-" };
    format!("{what}{}", &function[..1])
}

async fn one(stack: &Stack, rule: Rule) {
    let tenant = Tenant::new(stack, &rule.tenant).await;
    stack.faults.add(rule.clone());
    let id = tenant.upload_until_accepted(&text()).await;
    if matches!(rule.fault, Fault::KillBefore | Fault::KillAfter) {
        let waited = Instant::now();
        while stack.faults.fired(&rule.tenant) == 0 {
            assert!(waited.elapsed() < DEADLINE, "never came to {rule:?}");
            tokio::time::sleep(POLL_INTERVAL).await;
        }
        // Whoever died with that worker cannot give its claims back. Nobody waits five minutes here.
        stack.aws.end_leases(&rule.tenant[..5]).await;
    }
    assert_ready_once(stack, &tenant, &id, "zqferry").await;
    assert_eq!(stack.faults.end(&rule.tenant), [1], "{rule:?}");
}

#[test]
fn a_chunk_worker_that_dies_at_any_change_loses_nothing_and_repeats_nothing() {
    run(async |stack| {
        let writes = requests(stack, "calm-chunk", "chunk-worker", true).await;
        let faults = [Fault::KillBefore, Fault::KillAfter];
        disturb(stack, "chunk-worker", Counted::Writes, writes, &faults).await;
    });
}

#[test]
fn traces() {
    run(async |stack| {
        for (i, f) in ["chunk-worker", "embed-worker", "api", "event-relay", "projector"].iter().enumerate() {
            requests(stack, &format!("trace-{i}"), f, false).await;
        }
    });
}

#[test]
fn an_embed_worker_that_dies_at_any_change_loses_nothing_and_repeats_nothing() {
    run(async |stack| {
        let writes = requests(stack, "calm-embed", "embed-worker", true).await;
        let faults = [Fault::KillBefore, Fault::KillAfter];
        disturb(stack, "embed-worker", Counted::Writes, writes, &faults).await;
    });
}
