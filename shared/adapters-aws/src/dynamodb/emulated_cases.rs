//! What the adapters do on the emulator beyond the suites: repeated transactions, many documents at once, unreadable items.

use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use futures::future::join_all;
use millrace_domain::{Collection, ContentHash, DocumentKey, Version};
use millrace_ports::{
    ApiKeyStore, ClaimOutcome, ClaimRequest, CollectionStore, ErrorKind, EventStore, IdGenerator, JobLedger,
    ListQuery, ReadModel, StepKey, UnsettledPlace,
};
use millrace_test_support::builders::{self, completing, tenant};
use millrace_test_support::{SIM_START, SeededIds, SimClock, Story};
use sha2::{Digest, Sha256};

use super::emulated_tables::{new_journal, new_table};
use super::item::{Item, text};
use super::journal_item::{event_item, snapshot_item};
use super::schema;
use super::setting_item::collection_item;
use super::{DynamoDbEventStore, DynamoDbJobLedger, DynamoDbReadModel, JournalTables};
use crate::connection::emulated::connection;

async fn store() -> (Client, JournalTables, DynamoDbEventStore) {
    let client = connection().dynamodb();
    let tables = new_journal(&client).await;
    let store = DynamoDbEventStore::new(client.clone(), tables.clone());
    (client, tables, store)
}

async fn put(client: &Client, tables: &JournalTables, item: Item) {
    client.put_item().table_name(tables.journal.as_str()).set_item(Some(item)).send().await.unwrap();
}

/// The reply to an append was lost and the caller repeats it: the service knows it by its token, and nothing is written
/// twice, not even after somebody else went on.
#[tokio::test]
async fn an_append_repeated_at_once_succeeds_and_changes_nothing() {
    let (client, tables, store) = store().await;
    let ledger = DynamoDbJobLedger::new(client, tables.ledger.clone(), Arc::new(SimClock::default()));
    let ids = SeededIds::new(ids_of_this_run());
    let mut story = Story::of(&ids, "acme");
    store.append(story.upload(&ids)).await.unwrap();
    let request = ClaimRequest {
        step: StepKey::restart(&story.key, Version::new(1)),
        owner: ids.uuid(),
        lease_ms: 1_000,
        fingerprint: String::new(),
        memo: String::new(),
        remember_ms: 1_000,
    };
    let ClaimOutcome::Claimed(claim) = ledger.claim(request).await.unwrap() else {
        panic!("nobody else holds it");
    };
    let append = completing(story.extract(&ids), &claim, "done");
    assert_eq!(store.append(append.clone()).await.unwrap(), Version::new(2));
    assert_eq!(store.append(append.clone()).await.unwrap(), Version::new(2));
    store.append(story.chunk(&ids, 10, 10)).await.unwrap();
    assert_eq!(store.append(append).await.unwrap(), Version::new(2));
    let events = store.read(&story.key, Version::NONE, 100).await.unwrap();
    assert_eq!(events.len(), 3);
    assert_eq!(store.heads(std::slice::from_ref(&story.key)).await.unwrap(), [Some(story.state().head())]);
}

/// Tokens are known for a while by account, so what is told must differ from run to run on a lasting emulator.
fn ids_of_this_run() -> u64 {
    u64::from(std::process::id())
}

#[tokio::test]
async fn the_heads_of_many_documents_are_read_in_several_requests() {
    let (_, _, store) = store().await;
    let ids = SeededIds::new(2);
    let mut stories: Vec<Story> = (0..230).map(|_| Story::of(&ids, "acme")).collect();
    for slice in stories.chunks_mut(20) {
        let appends = slice.iter_mut().map(|story| story.upload(&ids)).map(|append| store.append(append));
        join_all(appends)
            .await
            .into_iter()
            .for_each(|appended| assert_eq!(appended.unwrap(), Version::new(1)));
    }
    let keys: Vec<DocumentKey> = stories.iter().map(|story| story.key.clone()).collect();
    let expected: Vec<_> = stories.iter().map(|story| Some(story.state().head())).collect();
    assert_eq!(store.heads(&keys).await.unwrap(), expected);
}

/// They lie in many parts of the index, and come out as if it were one.
#[tokio::test]
async fn many_unsettled_documents_come_oldest_first() {
    let (_, _, store) = store().await;
    let ids = SeededIds::new(3);
    let mut expected = Vec::new();
    for age in 0..60_i64 {
        let mut story = Story::of(&ids, "acme");
        story.now = SIM_START.plus_millis(-((age * 37) % 60 + 1) * 1_000);
        store.append(story.upload(&ids)).await.unwrap();
        let since = story.state().head().unsettled_since.unwrap();
        expected.push(UnsettledPlace { since, key: story.key.clone() });
    }
    expected.sort();
    let (mut listed, mut pages, mut after) = (Vec::new(), 0, None);
    loop {
        let page = store.unsettled(SIM_START, after.as_ref(), 25).await.unwrap();
        assert!(page.documents.len() <= 25);
        listed.extend(page.documents.into_iter().map(|document| document.place));
        pages += 1;
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(listed, expected);
    assert!(pages <= 5, "pages are about as long as asked for, and not {pages}");
}

#[tokio::test]
async fn an_event_that_cannot_be_read_is_corrupt_and_never_skipped() {
    let (client, tables, store) = store().await;
    let ids = SeededIds::new(4);
    let mut story = Story::of(&ids, "acme");
    store.append(story.upload(&ids)).await.unwrap();
    let append = story.extract(&ids);
    store.append(append.clone()).await.unwrap();
    let mut broken = event_item(&append.events[0]).unwrap();
    broken.insert(schema::journal::ENVELOPE.into(), text(r#"{"specversion":"1.0"}"#));
    put(&client, &tables, broken).await;
    assert_eq!(store.load(&story.key).await.unwrap_err().kind, ErrorKind::Corrupt);
    let read = store.read(&story.key, Version::NONE, 100).await;
    assert_eq!(read.unwrap_err().kind, ErrorKind::Corrupt);
}

#[tokio::test]
async fn a_snapshot_that_cannot_be_read_is_passed_over() {
    let (client, tables, store) = store().await;
    let ids = SeededIds::new(5);
    let mut story = Story::of(&ids, "acme");
    store.append(story.upload(&ids)).await.unwrap();
    for batch in 0..11 {
        store.append(story.waver(&ids, batch * 10..(batch + 1) * 10)).await.unwrap();
    }
    let history = store.load(&story.key).await.unwrap().unwrap();
    let latest = history.snapshot.unwrap();
    assert_eq!((latest.version.get(), history.events.len()), (101, 10));
    let mut broken = snapshot_item(&story.key, &latest).unwrap();
    broken.insert(schema::journal::SNAPSHOT.into(), text("{}"));
    put(&client, &tables, broken).await;
    let history = store.load(&story.key).await.unwrap().unwrap();
    assert_eq!((history.snapshot.unwrap().version.get(), history.events.len()), (51, 60));
}

/// Labels may be longer than a key; those that begin alike are still told apart.
#[tokio::test]
async fn long_labels_that_begin_alike_are_apart() {
    let client = connection().dynamodb();
    let table = new_table(&client, &schema::views::TABLE).await;
    let model = DynamoDbReadModel::new(client, table);
    let ids = SeededIds::new(6);
    let label = |end: &str| format!("{}{end}", "ä".repeat(3_000));
    let mut views = Vec::new();
    for end in ["one", "other"] {
        let mut story = Story::of(&ids, "acme");
        story.upload(&ids);
        story.classify(&ids, &label(end));
        views.push(story.view());
    }
    model.save(&views).await.unwrap();
    for (view, end) in views.iter().zip(["one", "other"]) {
        let query = ListQuery {
            tenant_id: tenant("acme"),
            collection: None,
            status: None,
            label: Some(label(end)),
            after: None,
            limit: 1,
        };
        let mut found = Vec::new();
        let mut after = None;
        loop {
            let page = model.list(&ListQuery { after, ..query.clone() }).await.unwrap();
            found.extend(page.views);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(found, std::slice::from_ref(view));
    }
}

/// The operator's script writes what this crate reads: the two are held together by the item itself.
#[tokio::test]
async fn a_key_made_by_the_operators_script_authenticates() {
    let workspace = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let made = std::process::Command::new("python3")
        .arg(format!("{workspace}/infra/create_key.py"))
        .args(["--print", "--tenant", "acme", "--label", "search team"])
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let printed = String::from_utf8(made.stdout).unwrap();
    let (item, secret) = printed.trim_end().split_once('\n').unwrap();
    let item: std::collections::BTreeMap<String, std::collections::BTreeMap<String, String>> =
        serde_json::from_str(item).unwrap();
    let item = item.into_iter().map(|(name, value)| (name, text(value["S"].clone()))).collect::<Item>();

    let client = connection().dynamodb();
    let table = new_table(&client, &schema::settings::TABLE).await;
    client.put_item().table_name(table.as_str()).set_item(Some(item)).send().await.unwrap();
    let settings = super::DynamoDbSettings::new(client, table);
    let hash = ContentHash::from_digest(Sha256::digest(secret).into());
    let key = settings.find(&hash).await.unwrap().unwrap();
    assert_eq!((key.tenant_id, key.label.as_str()), (tenant("acme"), "search team"));
}

/// As those are that were stored before collections had revisions.
#[tokio::test]
async fn a_collection_without_a_revision_is_replaced_once() {
    let client = connection().dynamodb();
    let table = new_table(&client, &schema::settings::TABLE).await;
    let settings = super::DynamoDbSettings::new(client.clone(), table.clone());
    let model = |name: &str| (builders::model(name), 384);
    let old = Collection::new(tenant("acme"), builders::collection("contracts"), model("old"), SIM_START);
    let mut item = collection_item(&old).unwrap();
    item.remove(schema::settings::REVISION);
    client.put_item().table_name(table.as_str()).set_item(Some(item)).send().await.unwrap();

    let trace = builders::trace(&SeededIds::new(7));
    let moving = old.start_reembedding(model("new"), 0, trace, SIM_START).unwrap();
    let stored = settings.replace(moving.clone()).await.unwrap();
    assert_eq!(stored.revision.get(), 1);
    assert_eq!(settings.replace(moving).await.unwrap_err().kind, ErrorKind::Conflict);
    assert_eq!(settings.under_reembedding(10).await.unwrap().len(), 1);
}
