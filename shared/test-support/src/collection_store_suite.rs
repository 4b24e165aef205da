//! What every collection store must do: one case for each promise of the port. Run it with `collection_store_suite!`.
#![expect(clippy::unwrap_used, reason = "these are tests, run from other crates")]

use std::any::Any;
use std::sync::Arc;

use futures::future::join_all;
use millrace_ports::{Collection, CollectionStore};

use crate::SIM_START;
use crate::builders::{collection, model, tenant};

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
            ]
        );
    };
}

fn wanted(tenant_name: &str, name: &str, model_name: &str) -> Collection {
    Collection {
        tenant_id: tenant(tenant_name),
        name: collection(name),
        model: model(model_name),
        dimensions: 384,
        created_at: SIM_START,
    }
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
