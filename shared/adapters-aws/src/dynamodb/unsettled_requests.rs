//! What the list of unsettled documents asks DynamoDB, and what it makes of each answer: replayed, since an emulator neither
//! cuts a page where it likes nor lets an index be behind.

use std::collections::BTreeSet;

use millrace_domain::{Timestamp, Version};
use millrace_ports::{EventStore, UnsettledDocument, UnsettledPage, UnsettledPlace};
use millrace_test_support::{SIM_START, SeededIds, Story};
use serde_json::{Value, json};

use super::item::{Item, instant, text};
use super::journal_item::head_item;
use super::wire::{answer, requests, wire_item};
use super::{DynamoDbEventStore, JournalTables};
use crate::connection::replay::{Replay, Reply};

fn store(replies: impl IntoIterator<Item = Reply>) -> (Replay, DynamoDbEventStore) {
    let replay = Replay::of(replies);
    let tables = JournalTables { journal: "journal".parse().unwrap(), ledger: "ledger".parse().unwrap() };
    let store = DynamoDbEventStore::new(replay.connection().dynamodb(), tables);
    (replay, store)
}

/// Documents uploaded at these seconds, in the order of their ids.
fn uploaded_at<const COUNT: usize>(seconds: [i64; COUNT]) -> [Story; COUNT] {
    let ids = SeededIds::new(1);
    seconds.map(|at| {
        let mut story = Story::of(&ids, "acme");
        story.now = SIM_START.plus_millis(at * 1_000);
        story.upload(&ids);
        story
    })
}

fn head(story: &Story) -> Item {
    head_item(&story.key, &story.state().head())
}

fn listed(story: &Story) -> UnsettledDocument {
    let since = story.state().head().unsettled_since.unwrap();
    UnsettledDocument { place: UnsettledPlace { since, key: story.key.clone() }, version: Version::new(1) }
}

/// A page of a part of the index, and whether more follows.
fn part(stories: &[&Story], more: bool) -> Reply {
    let entry = |story: &&Story| {
        let mut item = head(story);
        item.insert("unsettled_since".into(), instant(story.now.plus_millis(-1_000)));
        item.retain(|name, _| ["pk", "sk", "unsettled_since", "unsettled_shard"].contains(&name.as_str()));
        wire_item(&item)
    };
    let items: Vec<Value> = stories.iter().map(entry).collect();
    let mut body = json!({ "Items": items, "Count": items.len(), "ScannedCount": items.len() });
    if more {
        body["LastEvaluatedKey"] = items.last().unwrap().clone();
    }
    answer(&body)
}

fn heads(items: &[Item]) -> Reply {
    let items: Vec<Value> = items.iter().map(wire_item).collect();
    answer(&json!({ "Responses": { "journal": items }, "UnprocessedKeys": {} }))
}

/// Sixteen parts, of which one has something.
fn only_part(reply: Reply) -> impl Iterator<Item = Reply> {
    std::iter::once(reply).chain((1..16).map(|_| part(&[], false)))
}

fn at(seconds: i64) -> Timestamp {
    SIM_START.plus_millis(seconds * 1_000)
}

/// The index is a moment behind: the head says whether the document is still owed work.
#[tokio::test]
async fn the_unsettled_are_judged_by_their_heads() {
    let [owed, mut settled, mut went_on] = uploaded_at([0, 0, 0]);
    let parts = [part(&[&owed, &settled, &went_on], false)];
    settled.fail(&SeededIds::new(2));
    went_on.now = at(60);
    went_on.extract(&SeededIds::new(2));
    let heads = heads(&[&owed, &settled, &went_on].map(head));
    let replies = parts.into_iter().chain((1..16).map(|_| part(&[], false))).chain([heads]);
    let (replay, store) = store(replies);
    let page = store.unsettled(at(30), None, 10).await.unwrap();
    assert_eq!(page, UnsettledPage { documents: vec![listed(&owed)], next: None });
    let queries = requests(&replay);
    let shards: BTreeSet<&str> = queries[..16]
        .iter()
        .map(|(_, body)| {
            assert_eq!(body["IndexName"], "unsettled");
            assert_eq!(body["KeyConditionExpression"], "#shard = :shard AND #since < :before");
            assert_eq!(body["Limit"], 6, "an even share of ten twice, and a few");
            body["ExpressionAttributeValues"][":shard"]["N"].as_str().unwrap()
        })
        .collect();
    assert_eq!(shards.len(), 16);
    assert_eq!(queries[16].1["RequestItems"]["journal"]["ConsistentRead"], true);
    replay.assert_used_up();
}

/// A later release may have written it: its document is listed, and so are the others.
#[tokio::test]
async fn a_head_that_cannot_be_read_keeps_no_document_from_the_list() {
    let [unreadable, sound] = uploaded_at([0, 1]);
    let mut strange = head(&unreadable);
    strange.insert("status".into(), text("thawing"));
    let (replay, store) =
        store(only_part(part(&[&unreadable, &sound], false)).chain([heads(&[strange, head(&sound)])]));
    let page = store.unsettled(at(30), None, 10).await.unwrap();
    assert_eq!(page.documents, [listed(&unreadable), listed(&sound)]);
    replay.assert_used_up();
}

/// What lies behind the end of one part's page may be older than what another part has shown.
#[tokio::test]
async fn a_page_ends_where_the_first_part_ends_that_has_more() {
    let stories = uploaded_at([0, 1, 2, 3]);
    let [first, second, third, far] = &stories;
    let parts = [part(&[first, second, third], true), part(&[far], false)];
    let replies = parts.into_iter().chain((2..16).map(|_| part(&[], false)));
    let (replay, store) = store(replies.chain([heads(&[first, second].map(head))]));
    let page = store.unsettled(at(30), None, 10).await.unwrap();
    assert_eq!(page.documents, [first, second].map(listed));
    assert_eq!(page.next, Some(listed(second).place), "the third second is not known to be over");
    replay.assert_used_up();
}

/// The index has documents of one instant in any order; the list has them by name.
#[tokio::test]
async fn a_page_within_an_instant_goes_on_after_the_last_of_it() {
    let stories = uploaded_at([0, 0, 0, 0, 1]);
    let [one, two, three, four, later] = &stories;
    let parts = || [part(&[three, one], true), part(&[four, two, later], true)];
    let others = || (1..16).map(|_| part(&[], false));
    // All parts are asked at once, and a part's second page comes when the others have answered.
    let mut replies: Vec<Reply> = Vec::new();
    for found in [&[one, two][..], &[three, four]] {
        let [begun, ended] = parts();
        replies.push(begun);
        replies.extend(others());
        replies.push(ended);
        replies.push(heads(&found.iter().map(|story| head(story)).collect::<Vec<_>>()));
    }
    let (replay, store) = store(replies);
    let first = store.unsettled(at(30), None, 2).await.unwrap();
    assert_eq!(first.documents, [one, two].map(listed));
    let second = store.unsettled(at(30), first.next.as_ref(), 2).await.unwrap();
    assert_eq!(second.documents, [three, four].map(listed));
    assert_eq!(second.next, Some(listed(four).place));
    let sent = requests(&replay);
    let (_, query) = &sent[18];
    assert_eq!(query["KeyConditionExpression"], "#shard = :shard AND #since BETWEEN :first AND :last");
    let values = &query["ExpressionAttributeValues"];
    assert_eq!(values[":first"]["N"], at(0).as_millis().to_string());
    assert_eq!(values[":last"]["N"], (at(30).as_millis() - 1).to_string(), "before is not part of it");
    replay.assert_used_up();
}

/// DynamoDB refuses a range whose end lies before its beginning.
#[tokio::test]
async fn nothing_is_asked_for_after_the_end() {
    let [story] = uploaded_at([0]);
    let (replay, store) = store([]);
    let page = store.unsettled(at(0), Some(&listed(&story).place), 10).await.unwrap();
    assert_eq!(page, UnsettledPage::default());
    replay.assert_used_up();
}
