//! What every collection store must do: one case for each promise of the port. Run it with `collection_store_suite!`.
#![expect(clippy::unwrap_used, reason = "these are tests, run from other crates")]

use std::any::Any;
use std::sync::Arc;

use futures::future::join_all;
use millrace_domain::{Collection, DocumentId, ErrorCode, ReembeddingFailure, Revision};
use millrace_ports::{CollectionStore, ErrorKind, IdGenerator as _};

use crate::builders::{collection, model, tenant, trace};
use crate::{SIM_START, SeededIds};

/// What the suite needs of an implementation: a new, empty store.
pub struct CollectionStoreFixture {
    /// The store.
    pub collections: Arc<dyn CollectionStore>,
    /// Whatever must live as long.
    pub keep: Box<dyn Any + Send + Sync>,
}

impl std::fmt::Debug for CollectionStoreFixture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CollectionStoreFixture")
            .field("collections", &self.collections)
            .finish_non_exhaustive()
    }
}

/// Makes a test of each case. Takes the name of an async function that makes a fixture.
#[macro_export]
macro_rules! collection_store_suite {
    ($fixture:path) => {
        $crate::suite_cases!(
            collection_store_suite,
            $fixture,
            [
                a_collection_is_read_back_as_created,
                of_creations_at_once_one_wins_and_all_get_it,
                collections_of_tenants_are_apart,
                a_change_is_read_back_with_the_next_revision,
                of_changes_of_one_revision_one_wins,
                a_collection_that_is_not_there_cannot_be_changed,
                a_creation_does_not_undo_a_change,
                a_list_visits_each_collection_of_the_tenant_once,
                a_collection_is_under_reembedding_while_it_bears_one,
            ]
        );
    };
}

fn wanted(tenant_name: &str, name: &str, model_name: &str) -> Collection {
    Collection::new(tenant(tenant_name), collection(name), (model(model_name), 384), SIM_START)
}

/// The same, on its way to another model.
fn moving(collection: &Collection, to: &str) -> Collection {
    let trace = trace(&SeededIds::new(11));
    collection.clone().start_reembedding((model(to), 8), 3, trace, SIM_START.plus_millis(7)).unwrap()
}

/// All names under re-embedding, in some order.
async fn under_way(fixture: &CollectionStoreFixture) -> Vec<String> {
    let found = fixture.collections.under_reembedding(10).await.unwrap();
    let mut names: Vec<_> = found.iter().map(|(tenant, name)| format!("{tenant}/{name}")).collect();
    names.sort();
    names
}

/// And is absent before.
pub async fn a_collection_is_read_back_as_created(fixture: &CollectionStoreFixture) {
    let wanted = wanted("acme", "contracts", "minilm");
    assert_eq!(fixture.collections.get(&wanted.tenant_id, &wanted.name).await.unwrap(), None);
    assert_eq!(fixture.collections.create_if_absent(wanted.clone()).await.unwrap(), wanted);
    assert_eq!(fixture.collections.get(&wanted.tenant_id, &wanted.name).await.unwrap(), Some(wanted));
}

/// The model of a collection is settled once.
pub async fn of_creations_at_once_one_wins_and_all_get_it(fixture: &CollectionStoreFixture) {
    let rivals = (0..16).map(|n| wanted("acme", "contracts", &format!("model-{n}")));
    let got = join_all(rivals.map(|rival| fixture.collections.create_if_absent(rival))).await;
    let got: Vec<Collection> = got.into_iter().map(Result::unwrap).collect();
    assert!(got.iter().all(|collection| *collection == got[0]));
    let late = fixture.collections.create_if_absent(wanted("acme", "contracts", "late")).await.unwrap();
    assert_eq!(late, got[0]);
    let stored = fixture.collections.get(&tenant("acme"), &collection("contracts")).await.unwrap();
    assert_eq!(stored.as_ref(), Some(&got[0]));
}

/// The same name is another collection for another tenant.
pub async fn collections_of_tenants_are_apart(fixture: &CollectionStoreFixture) {
    let (mine, theirs) = (wanted("acme", "contracts", "one"), wanted("umbrella", "contracts", "other"));
    fixture.collections.create_if_absent(mine.clone()).await.unwrap();
    assert_eq!(fixture.collections.get(&theirs.tenant_id, &theirs.name).await.unwrap(), None);
    assert_eq!(fixture.collections.create_if_absent(theirs.clone()).await.unwrap(), theirs);
    assert_eq!(fixture.collections.get(&mine.tenant_id, &mine.name).await.unwrap(), Some(mine));
}

/// Every field of a saga comes back.
pub async fn a_change_is_read_back_with_the_next_revision(fixture: &CollectionStoreFixture) {
    let created = fixture.collections.create_if_absent(wanted("acme", "contracts", "old")).await.unwrap();
    let document: DocumentId = SeededIds::new(5).document_id();
    let changed = moving(&created, "new").visit_documents(document, 2).count_attempt();
    let stored = fixture.collections.replace(changed.clone()).await.unwrap();
    assert_eq!(stored, Collection { revision: Revision::new(1), ..changed });
    let read = fixture.collections.get(&tenant("acme"), &collection("contracts")).await.unwrap();
    assert_eq!(read.as_ref(), Some(&stored));
    let reason = "quota \u{1f4a5} 'exceeded'".to_owned();
    let failure =
        ReembeddingFailure { error_code: ErrorCode::EmbedderRefused, reason, document_id: Some(document) };
    let mut ended = stored.fail_reembedding(failure, SIM_START.plus_millis(9)).unwrap();
    while ended.reembedding.is_some() {
        ended = ended.end_step(0, SIM_START.plus_millis(10));
    }
    let stored = fixture.collections.replace(ended.clone()).await.unwrap();
    assert_eq!(stored, Collection { revision: Revision::new(2), ..ended });
    let read = fixture.collections.get(&tenant("acme"), &collection("contracts")).await.unwrap();
    assert_eq!(read, Some(stored));
}

/// And the others learn it.
pub async fn of_changes_of_one_revision_one_wins(fixture: &CollectionStoreFixture) {
    let created = fixture.collections.create_if_absent(wanted("acme", "contracts", "old")).await.unwrap();
    let rivals = (0..8).map(|n| moving(&created, &format!("model-{n}")));
    let answers = join_all(rivals.map(|rival| fixture.collections.replace(rival))).await;
    let (won, lost): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
    assert_eq!((won.len(), lost.len()), (1, 7));
    assert!(lost.into_iter().all(|answer| answer.unwrap_err().kind == ErrorKind::Conflict));
    let stored = fixture.collections.get(&tenant("acme"), &collection("contracts")).await.unwrap();
    assert_eq!(stored, won.into_iter().next().unwrap().ok());
}

/// A change makes nothing.
pub async fn a_collection_that_is_not_there_cannot_be_changed(fixture: &CollectionStoreFixture) {
    let absent = moving(&wanted("acme", "contracts", "old"), "new");
    assert_eq!(fixture.collections.replace(absent).await.unwrap_err().kind, ErrorKind::NotFound);
    assert_eq!(fixture.collections.get(&tenant("acme"), &collection("contracts")).await.unwrap(), None);
    assert_eq!(under_way(fixture).await, [""; 0]);
}

/// An upload that was late to look.
pub async fn a_creation_does_not_undo_a_change(fixture: &CollectionStoreFixture) {
    let created = fixture.collections.create_if_absent(wanted("acme", "contracts", "old")).await.unwrap();
    let changed = fixture.collections.replace(moving(&created, "new")).await.unwrap();
    let late = fixture.collections.create_if_absent(wanted("acme", "contracts", "old")).await.unwrap();
    assert_eq!(late, changed);
    assert_eq!(under_way(fixture).await, ["acme/contracts"]);
}

/// By name, in pages of any size.
pub async fn a_list_visits_each_collection_of_the_tenant_once(fixture: &CollectionStoreFixture) {
    for name in ["b", "d", "a", "c-1", "c"] {
        fixture.collections.create_if_absent(wanted("acme", name, "one")).await.unwrap();
    }
    fixture.collections.create_if_absent(wanted("umbrella", "b2", "one")).await.unwrap();
    for limit in [1, 2, 3, 5, 100] {
        let (mut names, mut after) = (Vec::new(), None);
        loop {
            let page = fixture.collections.list(&tenant("acme"), after.as_ref(), limit).await.unwrap();
            assert!(page.collections.len() <= limit);
            names.extend(page.collections.into_iter().map(|collection| collection.name.to_string()));
            let Some(next) = page.next else { break };
            after = Some(next);
        }
        assert_eq!(names, ["a", "b", "c", "c-1", "d"], "pages of {limit}");
    }
    let page = fixture.collections.list(&tenant("nobody"), None, 10).await.unwrap();
    assert_eq!((page.collections.len(), page.next), (0, None));
}

/// Of whatever tenant, from the change that begins it to the one that ends it.
pub async fn a_collection_is_under_reembedding_while_it_bears_one(fixture: &CollectionStoreFixture) {
    let mut stored = Vec::new();
    for (tenant_name, name) in [("acme", "contracts"), ("acme", "other"), ("umbrella", "contracts")] {
        let wanted = wanted(tenant_name, name, "old");
        stored.push(fixture.collections.create_if_absent(wanted).await.unwrap());
    }
    assert_eq!(under_way(fixture).await, [""; 0]);
    let first = fixture.collections.replace(moving(&stored[0], "new")).await.unwrap();
    fixture.collections.replace(moving(&stored[2], "new")).await.unwrap();
    assert_eq!(under_way(fixture).await, ["acme/contracts", "umbrella/contracts"]);
    assert_eq!(fixture.collections.under_reembedding(1).await.unwrap().len(), 1);
    let aborted = fixture.collections.replace(first.abort_reembedding(SIM_START).unwrap()).await.unwrap();
    assert_eq!(under_way(fixture).await, ["acme/contracts", "umbrella/contracts"]);
    let ended = aborted.end_step(0, SIM_START).end_step(0, SIM_START);
    fixture.collections.replace(ended).await.unwrap();
    assert_eq!(under_way(fixture).await, ["umbrella/contracts"]);
}
