//! What the ledger asks DynamoDB, and what it makes of each answer: replayed, to pin the conditions and to lose replies.

use std::sync::Arc;

use millrace_domain::{Generation, Timestamp};
use millrace_ports::{
    Claim, ClaimOutcome, ClaimRequest, ErrorKind, IdGenerator, JobLedger, PortError, StepKey,
};
use millrace_test_support::builders::new_key;
use millrace_test_support::{SIM_START, SeededIds, SimClock};
use serde_json::json;

use super::DynamoDbJobLedger;
use super::claim_item::ClaimRow;
use super::wire::{answer, condition_failed, failure, only_request, requests, wire_item};
use crate::connection::replay::{Replay, Reply};

const LEASE_MS: u64 = 1_000;

fn ledger(replies: impl IntoIterator<Item = Reply>) -> (Replay, DynamoDbJobLedger) {
    let replay = Replay::of(replies);
    let (client, table) = (replay.connection().dynamodb(), "ledger".parse().unwrap());
    let ledger = DynamoDbJobLedger::new(client, table, Arc::new(SimClock::default()));
    (replay, ledger)
}

fn request(ids: &SeededIds) -> ClaimRequest {
    ClaimRequest {
        step: StepKey::ingest(&new_key(&SeededIds::new(7), "acme"), Generation::FIRST, 0),
        owner: ids.uuid(),
        lease_ms: LEASE_MS,
        fingerprint: "same".into(),
        memo: "mine".into(),
        remember_ms: 60_500,
    }
}

fn until() -> Timestamp {
    SIM_START.plus_millis(1_000)
}

fn claim_of(request: &ClaimRequest) -> Claim {
    Claim {
        step: request.step.clone(),
        owner: request.owner,
        expires_at: until(),
        attempt: 1,
        memo: request.memo.clone(),
    }
}

fn done() -> Reply {
    answer(&json!({}))
}

#[tokio::test]
async fn a_first_claim_is_one_write_of_what_is_not_there() {
    let request = request(&SeededIds::new(1));
    let (replay, ledger) = ledger([done()]);
    let outcome = ledger.claim(request.clone()).await.unwrap();
    assert_eq!(outcome, ClaimOutcome::Claimed(claim_of(&request)));
    let (operation, body) = only_request(&replay);
    assert_eq!(operation, "PutItem");
    let expected = json!({
        "TableName": "ledger",
        "Item": {
            "step": { "S": request.step.as_str() },
            "owner": { "S": request.owner.to_string() },
            "expires_at": { "N": "1763690401000" },
            "attempt": { "N": "1" },
            "fingerprint": { "S": "same" },
            "memo": { "S": "mine" },
            "remember_ms": { "N": "60500" },
            "remember_s": { "N": "61" },
            "revision": { "N": "1" },
            "ttl": { "N": "1763690462" },
        },
        "ConditionExpression": "attribute_not_exists(#step)",
        "ExpressionAttributeNames": { "#step": "step" },
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    });
    assert_eq!(body, expected);
}

/// The first write succeeded, its reply was lost, and the repetition meets the claim that it made itself.
#[tokio::test]
async fn a_claim_whose_reply_was_lost_is_granted_all_the_same() {
    let request = request(&SeededIds::new(1));
    let mine = ClaimRow::held(&request, 1, "mine".into(), 1, SIM_START);
    let (replay, ledger) =
        ledger([Reply::Reset, condition_failed(Some(&mine.to_item(&request.step))), done()]);
    let outcome = ledger.claim(request.clone()).await.unwrap();
    assert_eq!(outcome, ClaimOutcome::Claimed(claim_of(&request)));
    let sent = requests(&replay);
    assert_eq!(sent[0], sent[1]);
    assert_eq!(sent[2].1["ConditionExpression"], "#revision = :seen");
    assert_eq!(sent[2].1["ExpressionAttributeValues"], json!({ ":seen": { "N": "1" } }));
    assert_eq!(sent[2].1["Item"]["revision"], json!({ "N": "2" }));
}

/// Between the look and the write somebody else takes the expired claim over: this one sees the new lease.
#[tokio::test]
async fn of_two_that_take_over_the_slower_one_waits() {
    let ids = SeededIds::new(1);
    let (dead, rival, request) = (request(&ids), request(&ids), request(&ids));
    let old = ClaimRow { expires_at: SIM_START, ..ClaimRow::held(&dead, 3, "first".into(), 8, SIM_START) };
    let new = ClaimRow::held(&rival, 4, "first".into(), 9, SIM_START);
    let found = |row: &ClaimRow| condition_failed(Some(&row.to_item(&request.step)));
    let (replay, ledger) = ledger([found(&old), found(&new)]);
    let outcome = ledger.claim(request.clone()).await.unwrap();
    assert_eq!(outcome, ClaimOutcome::InProgress { until: until() });
    let takeover = &requests(&replay)[1].1;
    let taken = ClaimRow::held(&request, 4, "first".into(), 9, SIM_START);
    assert_eq!(takeover["Item"], wire_item(&taken.to_item(&request.step)));
    assert_eq!(takeover["ExpressionAttributeValues"], json!({ ":seen": { "N": "8" } }));
}

/// The row was deleted by its time to live between the look and the write.
#[tokio::test]
async fn a_row_that_vanishes_meanwhile_is_claimed_anew() {
    let ids = SeededIds::new(1);
    let request = request(&ids);
    let old = ClaimRow { expires_at: SIM_START, ..ClaimRow::held(&request, 3, "old".into(), 8, SIM_START) };
    let old = ClaimRow { owner: None, ..old };
    let (replay, ledger) =
        ledger([condition_failed(Some(&old.to_item(&request.step))), condition_failed(None), done()]);
    let outcome = ledger.claim(request.clone()).await.unwrap();
    assert_eq!(outcome, ClaimOutcome::Claimed(claim_of(&request)));
    assert_eq!(requests(&replay)[2].1["ConditionExpression"], "attribute_not_exists(#step)");
}

#[tokio::test]
async fn a_step_that_changes_hands_all_the_time_is_a_conflict() {
    let ids = SeededIds::new(1);
    let request = request(&ids);
    let free = |revision| {
        let row = ClaimRow::held(&request, 1, "memo".into(), revision, SIM_START);
        condition_failed(Some(&ClaimRow { owner: None, ..row }.to_item(&request.step)))
    };
    let (replay, ledger) = ledger((1..=5).map(free));
    assert_eq!(ledger.claim(request.clone()).await.unwrap_err().kind, ErrorKind::Conflict);
    replay.assert_used_up();
}

#[tokio::test]
async fn completing_and_extending_hold_the_owner() {
    let request = request(&SeededIds::new(1));
    let claim = claim_of(&request);
    let (replay, ledger) = ledger([done(), done()]);
    ledger.complete(&claim, "42 chunks").await.unwrap();
    let extended = ledger.extend(&claim, 5_001).await.unwrap();
    assert_eq!(extended.expires_at, SIM_START.plus_millis(5_001));
    let sent = requests(&replay);
    let complete = json!({
        "TableName": "ledger",
        "Key": { "step": { "S": claim.step.as_str() } },
        "UpdateExpression": "SET #result = if_not_exists(#result, :result), \
            #done_at = if_not_exists(#done_at, :at), #ttl = #remember_s + :at_s ADD #revision :one",
        "ConditionExpression": "#owner = :owner",
        "ExpressionAttributeNames": {
            "#owner": "owner", "#result": "result", "#done_at": "done_at", "#ttl": "ttl",
            "#remember_s": "remember_s", "#revision": "revision",
        },
        "ExpressionAttributeValues": {
            ":owner": { "S": claim.owner.to_string() }, ":result": { "S": "42 chunks" },
            ":at": { "N": "1763690400000" }, ":at_s": { "N": "1763690400" }, ":one": { "N": "1" },
        },
    });
    assert_eq!(sent[0], ("UpdateItem".to_owned(), complete));
    let extend = json!({
        "TableName": "ledger",
        "Key": { "step": { "S": claim.step.as_str() } },
        "UpdateExpression": "SET #expires_at = :until, #ttl = #remember_s + :until_s ADD #revision :one",
        "ConditionExpression": "#owner = :owner",
        "ExpressionAttributeNames": {
            "#owner": "owner", "#expires_at": "expires_at", "#ttl": "ttl",
            "#remember_s": "remember_s", "#revision": "revision",
        },
        "ExpressionAttributeValues": {
            ":owner": { "S": claim.owner.to_string() }, ":until": { "N": "1763690405001" },
            ":until_s": { "N": "1763690406" }, ":one": { "N": "1" },
        },
    });
    assert_eq!(sent[1], ("UpdateItem".to_owned(), extend));
}

#[tokio::test]
async fn releasing_holds_the_owner_of_what_is_not_done() {
    let claim = claim_of(&request(&SeededIds::new(1)));
    let (replay, ledger) = ledger([done()]);
    ledger.release(&claim, false).await.unwrap();
    let (_, body) = only_request(&replay);
    assert_eq!(body["ConditionExpression"], "#owner = :owner AND attribute_not_exists(#result)");
    let update = "SET #attempt = #attempt - :uncounted ADD #revision :one REMOVE #owner";
    assert_eq!(body["UpdateExpression"], update);
    assert_eq!(body["ExpressionAttributeValues"][":uncounted"], json!({ "N": "1" }));
}

/// A lost reply to a release leads to a repetition whose condition fails, since the owner is gone.
#[tokio::test]
async fn a_release_whose_reply_was_lost_is_done() {
    let claim = claim_of(&request(&SeededIds::new(1)));
    let (replay, ledger) = ledger([Reply::Reset, condition_failed(None)]);
    ledger.release(&claim, true).await.unwrap();
    replay.assert_used_up();
}

async fn failures_of(replies: impl Fn() -> Vec<Reply>) -> [PortError; 3] {
    let request = request(&SeededIds::new(1));
    let claim = claim_of(&request);
    let on = |replies| ledger(replies).1;
    [
        on(replies()).claim(request).await.unwrap_err(),
        on(replies()).complete(&claim, "done").await.unwrap_err(),
        on(replies()).extend(&claim, LEASE_MS).await.unwrap_err(),
    ]
}

#[tokio::test]
async fn failures_of_the_service_have_their_kinds() {
    let cases = [
        (3, "ThrottlingException", ErrorKind::Throttled),
        (3, "ProvisionedThroughputExceededException", ErrorKind::Throttled),
        (3, "InternalServerError", ErrorKind::Unavailable),
        // The append that completes the claim is being written at this moment.
        (1, "TransactionConflictException", ErrorKind::Conflict),
        (1, "ResourceNotFoundException", ErrorKind::Unavailable),
        (1, "ValidationException", ErrorKind::Invalid),
    ];
    for (attempts, code, kind) in cases {
        let status = if code == "InternalServerError" { 500 } else { 400 };
        let replies = || (0..attempts).map(|_| failure(status, code)).collect();
        for error in failures_of(replies).await {
            assert_eq!(error.kind, kind, "{code}: {error}");
        }
    }
    for error in failures_of(|| vec![Reply::Reset, Reply::Reset, Reply::Reset]).await {
        assert_eq!(error.kind, ErrorKind::Unavailable);
    }
}

#[tokio::test]
async fn a_failed_condition_means_that_the_claim_is_lost() {
    let claim = claim_of(&request(&SeededIds::new(1)));
    let on = || ledger([condition_failed(None)]).1;
    assert_eq!(on().complete(&claim, "done").await.unwrap_err().kind, ErrorKind::ClaimLost);
    assert_eq!(on().extend(&claim, LEASE_MS).await.unwrap_err().kind, ErrorKind::ClaimLost);
    on().release(&claim, true).await.unwrap();
}

#[tokio::test]
async fn a_row_that_cannot_be_read_is_corrupt() {
    let request = request(&SeededIds::new(1));
    let mut item = ClaimRow::held(&request, 1, "memo".into(), 1, SIM_START).to_item(&request.step);
    item.remove("attempt");
    let (_, ledger) = ledger([condition_failed(Some(&item))]);
    assert_eq!(ledger.claim(request.clone()).await.unwrap_err().kind, ErrorKind::Corrupt);
}

/// Several pages, each going on where the one before ended, and the next call after the last row that was looked at.
#[tokio::test]
async fn forgetting_goes_on_where_the_last_call_stopped() {
    let page = |steps: &[&str], next: Option<&str>| {
        let items: Vec<_> = steps.iter().map(|step| json!({ "step": { "S": step } })).collect();
        let mut body = json!({ "Items": items, "Count": steps.len(), "ScannedCount": 9 });
        if let Some(next) = next {
            body["LastEvaluatedKey"] = json!({ "step": { "S": next } });
        }
        answer(&body)
    };
    let (replay, ledger) = ledger([
        page(&[], Some("c")),
        page(&["d", "f"], Some("g")),
        done(),
        page(&["f"], Some("g")),
        condition_failed(None),
        page(&[], None),
    ]);
    assert_eq!(ledger.forget_expired(1).await.unwrap(), 1);
    assert_eq!(ledger.forget_expired(1).await.unwrap(), 0, "claimed anew meanwhile");
    assert_eq!(ledger.forget_expired(1).await.unwrap(), 0);
    let sent = requests(&replay);
    let starts: Vec<_> = [0, 1, 3, 5].map(|at| sent[at].1["ExclusiveStartKey"]["step"]["S"].as_str()).into();
    assert_eq!(starts, [None, Some("c"), Some("d"), Some("g")]);
    assert_eq!(sent[0].1["FilterExpression"], "#ttl <= :now_s");
    assert_eq!(sent[2].0, "DeleteItem");
    assert_eq!(sent[2].1["Key"], json!({ "step": { "S": "d" } }));
    assert_eq!(sent[2].1["ConditionExpression"], "#ttl <= :now_s");
    assert_eq!(sent[2].1["ExpressionAttributeValues"], json!({ ":now_s": { "N": "1763690400" } }));
    replay.assert_used_up();
}

#[tokio::test]
async fn forgetting_looks_at_a_bounded_part_of_the_table() {
    let page = || answer(&json!({ "Items": [], "LastEvaluatedKey": { "step": { "S": "x" } } }));
    let (replay, ledger) = ledger((0..4).map(|_| page()));
    assert_eq!(ledger.forget_expired(1_000).await.unwrap(), 0);
    replay.assert_used_up();
}
