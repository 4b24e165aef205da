//! What every event store must do: one case for each promise of the port. Run it with `event_store_suite!`.
#![expect(clippy::unwrap_used, reason = "these are tests, run from other crates")]

use std::any::Any;
use std::collections::BTreeSet;
use std::sync::Arc;

use futures::future::join_all;
use millrace_domain::{DocumentKey, EventEnvelope, Timestamp, Version, evolve};
use millrace_ports::{
    APPEND_EVENTS_MAX, Append, Claim, ClaimOutcome, ClaimRequest, ErrorKind, EventStore, IdGenerator,
    JobLedger, StepKey, UnsettledDocument, UnsettledPlace,
};

use crate::builders::{collection, completing, tenant};
use crate::{SIM_START, SeededIds, SimClock, Story};

/// What the suite needs of an implementation: a new, empty store and the ledger that shares its transactions.
pub struct EventStoreFixture {
    /// The store.
    pub store: Arc<dyn EventStore>,
    /// The ledger beside it.
    pub ledger: Arc<dyn JobLedger>,
    /// The ledger's clock.
    pub clock: Arc<SimClock>,
    /// Whatever must live as long, for example a temporary folder.
    pub keep: Box<dyn Any + Send + Sync>,
}

impl std::fmt::Debug for EventStoreFixture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EventStoreFixture").field("store", &self.store).finish_non_exhaustive()
    }
}

/// Makes a test of each case. Takes the name of an async function that makes a fixture.
#[macro_export]
macro_rules! event_store_suite {
    ($fixture:path) => {
        $crate::suite_cases!(
            event_store_suite,
            $fixture,
            [
                an_append_is_read_back_as_written,
                an_unknown_document_has_no_history,
                of_concurrent_appends_on_one_version_exactly_one_wins,
                an_append_on_a_stale_version_writes_nothing,
                an_append_completes_its_claim_in_the_same_breath,
                an_append_whose_claim_was_taken_over_writes_nothing,
                an_append_whose_claim_was_released_writes_nothing,
                an_append_whose_claim_expired_but_was_not_taken_over_succeeds,
                an_append_in_conflict_leaves_its_claim_uncompleted,
                a_long_history_is_read_to_the_end,
                a_history_is_read_in_pages,
                a_snapshot_stands_for_the_events_before_it,
                tenants_with_the_same_document_id_are_apart,
                an_append_against_the_rules_is_invalid,
                unsettled_documents_are_listed_oldest_first,
                unsettled_documents_are_listed_page_by_page,
                documents_of_a_collection_are_listed_newest_first,
                heads_are_given_in_the_order_asked,
                an_acknowledged_append_is_seen_by_the_next_read,
            ]
        );
    };
}

async fn tell(fixture: &EventStoreFixture, appends: Vec<Append>) {
    for append in appends {
        let version = append.head.version;
        assert_eq!(fixture.store.append(append).await.unwrap(), version);
    }
}

async fn events_of(fixture: &EventStoreFixture, key: &DocumentKey) -> Vec<EventEnvelope> {
    fixture.store.read(key, Version::NONE, 10_000).await.unwrap()
}

async fn claim(fixture: &EventStoreFixture, ids: &SeededIds, step: &StepKey) -> ClaimOutcome {
    let request = ClaimRequest {
        step: step.clone(),
        owner: ids.uuid(),
        lease_ms: 1_000,
        fingerprint: String::new(),
        memo: String::new(),
        remember_ms: 100_000,
    };
    fixture.ledger.claim(request).await.unwrap()
}

async fn claimed(fixture: &EventStoreFixture, ids: &SeededIds, step: &StepKey) -> Claim {
    match claim(fixture, ids, step).await {
        ClaimOutcome::Claimed(claim) => claim,
        other => panic!("expected a claim, got {other:?}"),
    }
}

fn step_of(story: &Story) -> StepKey {
    StepKey::ingest(&story.key, millrace_domain::Generation::FIRST, 0)
}

/// Events, head and history come back equal to what was appended.
pub async fn an_append_is_read_back_as_written(fixture: &EventStoreFixture) {
    let ids = SeededIds::new(1);
    let mut story = Story::of(&ids, "acme");
    let appends = story.ingest(&ids, 4);
    let written: Vec<EventEnvelope> = appends.iter().flat_map(|append| append.events.clone()).collect();
    tell(fixture, appends).await;
    let history = fixture.store.load(&story.key).await.unwrap().unwrap();
    assert_eq!(history.snapshot, None);
    assert_eq!(history.events, written);
    assert_eq!(events_of(fixture, &story.key).await, written);
    let heads = fixture.store.heads(std::slice::from_ref(&story.key)).await.unwrap();
    assert_eq!(heads, [Some(story.state().head())]);
}

/// Absence is an answer, not an error.
pub async fn an_unknown_document_has_no_history(fixture: &EventStoreFixture) {
    let key = Story::of(&SeededIds::new(1), "acme").key;
    assert_eq!(fixture.store.load(&key).await.unwrap(), None);
    assert_eq!(events_of(fixture, &key).await, []);
    assert_eq!(fixture.store.heads(&[key]).await.unwrap(), [None]);
}

/// Of two appends on the same version one gets `Conflict`; of sixteen, fifteen do.
pub async fn of_concurrent_appends_on_one_version_exactly_one_wins(fixture: &EventStoreFixture) {
    let ids = SeededIds::new(1);
    let mut story = Story::of(&ids, "acme");
    for round in 0..5 {
        let rivals: Vec<(Story, Append)> = (0..16)
            .map(|rival| {
                let mut told = story.clone();
                let append = match round {
                    0 => told.upload(&ids),
                    _ => told.classify(&ids, &format!("{round}-{rival}")),
                };
                (told, append)
            })
            .collect();
        let results = join_all(rivals.iter().map(|(_, append)| fixture.store.append(append.clone()))).await;
        let winners: Vec<usize> = (0..16).filter(|&rival| results[rival].is_ok()).collect();
        assert_eq!(winners.len(), 1, "round {round}");
        let losers = results.into_iter().filter_map(Result::err);
        assert!(losers.into_iter().all(|error| error.kind == ErrorKind::Conflict));
        story = rivals[winners[0]].0.clone();
        let last = events_of(fixture, &story.key).await.pop().unwrap();
        assert_eq!(last, rivals[winners[0]].1.events[0]);
    }
}

/// A stale writer changes neither events nor head.
pub async fn an_append_on_a_stale_version_writes_nothing(fixture: &EventStoreFixture) {
    let ids = SeededIds::new(1);
    let mut story = Story::of(&ids, "acme");
    tell(fixture, vec![story.upload(&ids)]).await;
    let mut stale = story.clone();
    tell(fixture, vec![story.extract(&ids)]).await;
    let late = stale.fail(&ids);
    assert_eq!(fixture.store.append(late).await.unwrap_err().kind, ErrorKind::Conflict);
    let again = Story::new(story.key.clone()).upload(&ids);
    assert_eq!(fixture.store.append(again).await.unwrap_err().kind, ErrorKind::Conflict);
    assert_eq!(events_of(fixture, &story.key).await.len(), 2);
    let heads = fixture.store.heads(std::slice::from_ref(&story.key)).await.unwrap();
    assert_eq!(heads, [Some(story.state().head())]);
}

/// After the append the step is done, with the result to remember.
pub async fn an_append_completes_its_claim_in_the_same_breath(fixture: &EventStoreFixture) {
    let ids = SeededIds::new(1);
    let mut story = Story::of(&ids, "acme");
    tell(fixture, vec![story.upload(&ids)]).await;
    let held = claimed(fixture, &ids, &step_of(&story)).await;
    let append = completing(story.extract(&ids), &held, "extracted");
    tell(fixture, vec![append]).await;
    let later = claim(fixture, &ids, &step_of(&story)).await;
    assert_eq!(later, ClaimOutcome::Completed { result: "extracted".into() });
}

/// The fence: a worker that lost its lease to another cannot write, not even on the right version.
pub async fn an_append_whose_claim_was_taken_over_writes_nothing(fixture: &EventStoreFixture) {
    let ids = SeededIds::new(1);
    let mut story = Story::of(&ids, "acme");
    tell(fixture, vec![story.upload(&ids)]).await;
    let lost = claimed(fixture, &ids, &step_of(&story)).await;
    fixture.clock.advance_ms(1_001);
    let held = claimed(fixture, &ids, &step_of(&story)).await;
    let mut stale = story.clone();
    let late = completing(stale.extract(&ids), &lost, "stale");
    assert_eq!(fixture.store.append(late).await.unwrap_err().kind, ErrorKind::ClaimLost);
    assert_eq!(events_of(fixture, &story.key).await.len(), 1);
    let append = completing(story.extract(&ids), &held, "mine");
    tell(fixture, vec![append]).await;
    let later = claim(fixture, &ids, &step_of(&story)).await;
    assert_eq!(later, ClaimOutcome::Completed { result: "mine".into() });
}

/// Who gave the claim back does not hold it.
pub async fn an_append_whose_claim_was_released_writes_nothing(fixture: &EventStoreFixture) {
    let ids = SeededIds::new(1);
    let mut story = Story::of(&ids, "acme");
    tell(fixture, vec![story.upload(&ids)]).await;
    let released = claimed(fixture, &ids, &step_of(&story)).await;
    fixture.ledger.release(&released, true).await.unwrap();
    let late = completing(story.extract(&ids), &released, "stale");
    assert_eq!(fixture.store.append(late).await.unwrap_err().kind, ErrorKind::ClaimLost);
    assert_eq!(events_of(fixture, &story.key).await.len(), 1);
}

/// A slow worker that nobody replaced may still finish.
pub async fn an_append_whose_claim_expired_but_was_not_taken_over_succeeds(fixture: &EventStoreFixture) {
    let ids = SeededIds::new(1);
    let mut story = Story::of(&ids, "acme");
    tell(fixture, vec![story.upload(&ids)]).await;
    let held = claimed(fixture, &ids, &step_of(&story)).await;
    fixture.clock.advance_ms(5_000);
    let append = completing(story.extract(&ids), &held, "late but mine");
    tell(fixture, vec![append]).await;
}

/// Whole or not at all: with the conflict, the completion is not written either.
pub async fn an_append_in_conflict_leaves_its_claim_uncompleted(fixture: &EventStoreFixture) {
    let ids = SeededIds::new(1);
    let mut story = Story::of(&ids, "acme");
    tell(fixture, vec![story.upload(&ids)]).await;
    let held = claimed(fixture, &ids, &step_of(&story)).await;
    let mut stale = story.clone();
    tell(fixture, vec![story.classify(&ids, "invoice")]).await;
    let late = completing(stale.extract(&ids), &held, "stale");
    assert_eq!(fixture.store.append(late).await.unwrap_err().kind, ErrorKind::Conflict);
    assert!(matches!(claim(fixture, &ids, &step_of(&story)).await, ClaimOutcome::InProgress { .. }));
    let append = completing(story.extract(&ids), &held, "reloaded");
    tell(fixture, vec![append]).await;
}

/// However many pages lie beneath: more than a thousand events come back from one load.
pub async fn a_long_history_is_read_to_the_end(fixture: &EventStoreFixture) {
    let ids = SeededIds::new(1);
    let mut story = Story::of(&ids, "acme");
    story.snapshots = false;
    tell(fixture, vec![story.upload(&ids)]).await;
    for append in 0..110 {
        tell(fixture, vec![story.waver(&ids, append * 10..(append + 1) * 10)]).await;
    }
    let history = fixture.store.load(&story.key).await.unwrap().unwrap();
    assert_eq!(history.events.len(), 1_101);
    let folded = history.events.iter().fold(None, |state, e| Some(evolve(state, &e.event, e.time)));
    assert_eq!(folded, story.document);
}

/// Pages join without gap or overlap, and the page after the last is empty.
pub async fn a_history_is_read_in_pages(fixture: &EventStoreFixture) {
    let ids = SeededIds::new(1);
    let mut story = Story::of(&ids, "acme");
    tell(fixture, vec![story.upload(&ids), story.waver(&ids, 0..10), story.waver(&ids, 10..20)]).await;
    let mut sequences = Vec::new();
    let mut after = Version::NONE;
    loop {
        let page = fixture.store.read(&story.key, after, 4).await.unwrap();
        assert!(page.len() <= 4);
        let Some(last) = page.last() else { break };
        after = last.sequence;
        sequences.extend(page.iter().map(|event| event.sequence.get()));
    }
    assert_eq!(sequences, (1..=21).collect::<Vec<_>>());
}

/// A load gives the latest snapshot and what came after; reading the events still gives all of them.
pub async fn a_snapshot_stands_for_the_events_before_it(fixture: &EventStoreFixture) {
    let ids = SeededIds::new(1);
    let mut story = Story::of(&ids, "acme");
    tell(fixture, vec![story.upload(&ids)]).await;
    for append in 0..10 {
        tell(fixture, vec![story.waver(&ids, append * 10..(append + 1) * 10)]).await;
    }
    tell(fixture, vec![story.classify(&ids, "last")]).await;
    let history = fixture.store.load(&story.key).await.unwrap().unwrap();
    let snapshot = history.snapshot.unwrap();
    assert_eq!(snapshot.version, Version::new(101));
    assert_eq!(history.events.len(), 1);
    let folded = history.events.iter().fold(snapshot, |state, e| evolve(Some(state), &e.event, e.time));
    assert_eq!(Some(folded), story.document);
    assert_eq!(events_of(fixture, &story.key).await.len(), 102);
}

/// A tenant sees only its own, even if another's document has the same id.
pub async fn tenants_with_the_same_document_id_are_apart(fixture: &EventStoreFixture) {
    let ids = SeededIds::new(1);
    let mut one = Story::of(&ids, "acme");
    let mut other = one.clone();
    other.key.tenant_id = crate::builders::tenant("umbrella");
    tell(fixture, vec![one.upload(&ids), one.extract(&ids)]).await;
    assert_eq!(fixture.store.load(&other.key).await.unwrap(), None);
    tell(fixture, vec![other.upload(&ids)]).await;
    assert_eq!(events_of(fixture, &one.key).await.len(), 2);
    assert_eq!(events_of(fixture, &other.key).await.len(), 1);
}

/// A caller's mistake is refused before anything is written.
pub async fn an_append_against_the_rules_is_invalid(fixture: &EventStoreFixture) {
    let ids = SeededIds::new(1);
    let mut story = Story::of(&ids, "acme");
    tell(fixture, vec![story.upload(&ids)]).await;
    let mut told = story.clone();
    let sound = told.waver(&ids, 0..3);
    let too_many = u32::try_from(APPEND_EVENTS_MAX).unwrap() + 1;
    let too_long = story.clone().waver(&ids, 0..too_many);
    let mut gap = sound.clone();
    gap.events.remove(1);
    let mut foreign = sound.clone();
    foreign.events[1].document_id = ids.document_id();
    let mut head = sound.clone();
    head.head.version = head.head.version.next();
    let empty = Append { events: vec![], ..sound.clone() };
    for (broken, what) in
        [(too_long, "length"), (gap, "gap"), (foreign, "foreign"), (head, "head"), (empty, "empty")]
    {
        assert_eq!(fixture.store.append(broken).await.unwrap_err().kind, ErrorKind::Invalid, "{what}");
    }
    assert_eq!(events_of(fixture, &story.key).await.len(), 1);
    tell(fixture, vec![sound]).await;
}

/// A document that is owed work, as it must be listed.
fn unsettled(story: &Story) -> UnsettledDocument {
    let head = story.state().head();
    let since = head.unsettled_since.unwrap();
    UnsettledDocument { place: UnsettledPlace { since, key: story.key.clone() }, version: head.version }
}

/// Everything that is listed after a place, in pages of `limit`.
async fn list_unsettled(
    fixture: &EventStoreFixture,
    before: Timestamp,
    mut after: Option<UnsettledPlace>,
    limit: usize,
) -> Vec<UnsettledDocument> {
    let mut listed = Vec::new();
    for _ in 0..1_000 {
        let page = fixture.store.unsettled(before, after.as_ref(), limit).await.unwrap();
        assert!(page.documents.len() <= limit);
        listed.extend(page.documents);
        after = page.next;
        if after.is_none() {
            return listed;
        }
    }
    panic!("the list does not end");
}

/// The sweeper's list: owed work only, not the fresh, oldest first.
pub async fn unsettled_documents_are_listed_oldest_first(fixture: &EventStoreFixture) {
    let ids = SeededIds::new(1);
    let mut expected: Vec<UnsettledDocument> = Vec::new();
    for age in [30, 10, 20] {
        let mut story = Story::of(&ids, "acme");
        story.now = story.now.plus_millis(-age * 1_000);
        tell(fixture, vec![story.upload(&ids)]).await;
        expected.push(unsettled(&story));
    }
    let mut settled = Story::of(&ids, "acme");
    settled.now = settled.now.plus_millis(-100_000);
    tell(fixture, settled.ingest(&ids, 2)).await;
    expected.sort_by_key(|document| document.place.since);
    assert_eq!(list_unsettled(fixture, SIM_START, None, 10).await, expected);
    let before = expected[1].place.since;
    assert_eq!(list_unsettled(fixture, before, None, 10).await, expected[..1]);
    let oldest = expected[0].place.since;
    assert_eq!(list_unsettled(fixture, oldest, None, 10).await, []);
}

/// Pages join without gap or overlap, also between documents of one instant, and whatever becomes of the document at which a
/// page ended.
pub async fn unsettled_documents_are_listed_page_by_page(fixture: &EventStoreFixture) {
    let ids = SeededIds::new(1);
    let mut stories = Vec::new();
    for (age, count) in [(30, 40), (20, 1), (10, 7)] {
        for number in 0..count {
            let mut story = Story::of(&ids, if number % 2 == 0 { "acme" } else { "umbrella" });
            story.now = story.now.plus_millis(-age * 1_000);
            tell(fixture, vec![story.upload(&ids)]).await;
            stories.push(story);
        }
    }
    stories.sort_by_key(|story| unsettled(story).place);
    let expected: Vec<UnsettledDocument> = stories.iter().map(unsettled).collect();
    for limit in [1, 3, 40, 48, 100] {
        assert_eq!(list_unsettled(fixture, SIM_START, None, limit).await, expected, "pages of {limit}");
    }
    for after in [0, 17, 39, 40, 47] {
        let (place, rest) = (expected[after].place.clone(), &expected[after + 1..]);
        assert_eq!(list_unsettled(fixture, SIM_START, Some(place), 5).await, rest, "after {after}");
    }
    let (last, end) = (expected[47].place.clone(), expected[47].place.since);
    assert_eq!(list_unsettled(fixture, end, Some(last), 5).await, []);
    let mut gone = stories.remove(17);
    let place = unsettled(&gone).place;
    tell(fixture, vec![gone.fail(&ids)]).await;
    assert_eq!(list_unsettled(fixture, SIM_START, Some(place), 5).await, expected[18..]);
    let rest = [&expected[..17], &expected[18..]].concat();
    assert_eq!(list_unsettled(fixture, SIM_START, None, 5).await, rest);
}

/// What a re-embedding goes through: each document of the collection once, the deleted left out, page by page.
pub async fn documents_of_a_collection_are_listed_newest_first(fixture: &EventStoreFixture) {
    let ids = SeededIds::new(1);
    let (acme, default) = (tenant("acme"), collection("default"));
    let mut expected = Vec::new();
    for _ in 0..5 {
        let mut story = Story::of(&ids, "acme");
        tell(fixture, vec![story.upload(&ids)]).await;
        expected.insert(0, story.key.document_id);
    }
    let mut done = Story::of(&ids, "acme");
    tell(fixture, done.ingest(&ids, 2)).await;
    expected.insert(0, done.key.document_id);
    let mut doomed = Story::of(&ids, "acme");
    let upload = doomed.upload(&ids);
    let deletion = doomed.delete(&ids);
    tell(fixture, vec![upload, deletion]).await;
    let mut foreign = Story::of(&ids, "other");
    tell(fixture, vec![foreign.upload(&ids)]).await;
    expected.sort_by(|one, other| other.cmp(one));
    let page = |after, limit| fixture.store.documents_of(&acme, &default, after, limit);
    assert_eq!(page(None, 10).await.unwrap(), expected);
    assert_eq!(page(None, 6).await.unwrap(), expected);
    assert_eq!(page(None, 2).await.unwrap(), expected[..2]);
    assert_eq!(page(Some(expected[1]), 3).await.unwrap(), expected[2..5]);
    assert_eq!(page(Some(expected[4]), 3).await.unwrap(), expected[5..]);
    assert_eq!(page(Some(expected[5]), 3).await.unwrap(), []);
    let elsewhere = collection("second");
    assert_eq!(fixture.store.documents_of(&acme, &elsewhere, None, 10).await.unwrap(), []);
}

/// One answer for each question, in its place.
pub async fn heads_are_given_in_the_order_asked(fixture: &EventStoreFixture) {
    let ids = SeededIds::new(1);
    let mut stories: Vec<Story> = (0..3).map(|_| Story::of(&ids, "acme")).collect();
    for story in &mut stories {
        tell(fixture, vec![story.upload(&ids)]).await;
    }
    let unknown = Story::of(&ids, "acme").key;
    let keys = [&stories[2].key, &unknown, &stories[0].key, &stories[2].key].map(Clone::clone);
    let heads = fixture.store.heads(&keys).await.unwrap();
    let head = |story: usize| Some(stories[story].state().head());
    assert_eq!(heads, [head(2), None, head(0), head(2)]);
    assert_eq!(fixture.store.heads(&[]).await.unwrap(), []);
}

/// Many writers at once: whoever has an answer finds its event at once, and no event id is there twice.
pub async fn an_acknowledged_append_is_seen_by_the_next_read(fixture: &EventStoreFixture) {
    let ids = SeededIds::new(1);
    let stories: Vec<Story> = (0..20).map(|_| Story::of(&ids, "acme")).collect();
    let ids = &ids;
    let writers = stories.into_iter().map(|mut story| async move {
        let appends = story.ingest(ids, 2);
        for append in appends {
            let version = append.head.version;
            fixture.store.append(append).await.unwrap();
            let events = events_of(fixture, &story.key).await;
            assert_eq!(events.last().unwrap().sequence, version);
        }
        events_of(fixture, &story.key).await
    });
    let events: Vec<EventEnvelope> = join_all(writers).await.concat();
    let distinct: BTreeSet<_> = events.iter().map(|event| event.id).collect();
    assert_eq!((events.len(), distinct.len()), (100, 100));
}
