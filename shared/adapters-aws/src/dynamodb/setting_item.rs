//! How settings lie in their table: a tenant's collections together under the tenant, an API key by the hash of its
//! secret, each as JSON. Webhooks will lie under their tenant too. A collection that is being re-embedded has a marker beside
//! it: a key without anything else, and the markers of all tenants lie together.

use millrace_domain::{Collection, CollectionName, ContentHash, TenantId};
use millrace_ports::ApiKey;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::item::{Item, UnreadableItem, item_of, number, read_text, text};
use super::schema::settings::{REVISION, SETTING};
use super::schema::{PARTITION, SORT};

/// The sort key of an API key: it is alone under its hash.
const API_KEY: &str = "api-key";
/// What the sort keys of collections begin with.
pub(crate) const COLLECTIONS: &str = "collection#";
/// The partition of the markers. They are as many as there are sagas under way.
pub(crate) const MARKERS: &str = "reembedding";

/// The partition of what belongs to a tenant.
pub(crate) fn tenant_partition(tenant: &TenantId) -> String {
    format!("tenant#{tenant}")
}

/// The key of a collection.
pub(crate) fn collection_setting_key(tenant: &TenantId, name: &CollectionName) -> Item {
    item_of([(PARTITION, text(tenant_partition(tenant))), (SORT, text(format!("{COLLECTIONS}{name}")))])
}

/// The key of the marker that a collection is under re-embedding. No tenant contains the separator.
pub(crate) fn marker_key(tenant: &TenantId, name: &CollectionName) -> Item {
    item_of([(PARTITION, text(MARKERS)), (SORT, text(format!("{tenant}#{name}")))])
}

/// Which collection is marked.
pub(crate) fn read_marker(item: &Item) -> Result<(TenantId, CollectionName), UnreadableItem> {
    let (tenant, name) = read_text(item, SORT)?
        .split_once('#')
        .ok_or_else(|| UnreadableItem::because(SORT, "no separator"))?;
    let unreadable = |error| UnreadableItem::because(SORT, error);
    Ok((TenantId::new(tenant).map_err(unreadable)?, CollectionName::new(name).map_err(unreadable)?))
}

/// The key of an API key.
pub(crate) fn api_key_setting_key(secret_sha256: &ContentHash) -> Item {
    item_of([(PARTITION, text(format!("{API_KEY}#{}", secret_sha256.as_str()))), (SORT, text(API_KEY))])
}

/// A collection's item. Its revision stands beside the JSON as well, since conditions cannot look into that.
pub(crate) fn collection_item(collection: &Collection) -> Result<Item, serde_json::Error> {
    let mut item = setting_item(collection_setting_key(&collection.tenant_id, &collection.name), collection)?;
    item.insert(REVISION.to_owned(), number(collection.revision));
    Ok(item)
}

/// An API key's item.
pub(crate) fn api_key_item(key: &ApiKey) -> Result<Item, serde_json::Error> {
    setting_item(api_key_setting_key(&key.secret_sha256), key)
}

fn setting_item(key: Item, setting: &impl Serialize) -> Result<Item, serde_json::Error> {
    let mut item = key;
    item.insert(SETTING.to_owned(), text(serde_json::to_string(setting)?));
    Ok(item)
}

/// Reads a setting's item.
pub(crate) fn read_setting<T: DeserializeOwned>(item: &Item) -> Result<T, UnreadableItem> {
    serde_json::from_str(read_text(item, SETTING)?).map_err(|error| UnreadableItem::because(SETTING, error))
}

#[cfg(test)]
mod tests {
    use millrace_domain::{IndexSpace, ModelId, Revision};
    use millrace_test_support::SeededIds;
    use millrace_test_support::builders::trace;
    use millrace_test_support::strategies::{collection_name, tenant_id, timestamp};
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn settings_read_back_as_written(
            tenant_id in tenant_id(),
            name in collection_name(),
            model in "[!-~]{1,255}",
            dimensions in any::<u16>(),
            created_at in timestamp(),
            label in ".*",
            digest in any::<[u8; 32]>(),
            (space, revision, moving) in any::<(u32, u64, bool)>(),
        ) {
            let model = ModelId::new(model).unwrap();
            let mut collection = Collection::new(tenant_id.clone(), name, (model, dimensions), created_at);
            collection.space = IndexSpace::new(space / 2);
            collection.revision = Revision::new(revision);
            if moving {
                let to = (ModelId::new("another").unwrap(), 8);
                let trace = trace(&SeededIds::new(revision));
                collection = collection.start_reembedding(to, 3, trace, created_at).unwrap();
            }
            prop_assert_eq!(read_setting::<Collection>(&collection_item(&collection).unwrap()).unwrap(), collection);
            let key = ApiKey { secret_sha256: ContentHash::from_digest(digest), tenant_id, label, created_at };
            prop_assert_eq!(read_setting::<ApiKey>(&api_key_item(&key).unwrap()).unwrap(), key);
        }

        #[test]
        fn no_two_settings_share_a_key(one in (tenant_id(), collection_name()), other in (tenant_id(), collection_name())) {
            let same = collection_setting_key(&one.0, &one.1) == collection_setting_key(&other.0, &other.1);
            prop_assert_eq!(same, one == other);
            prop_assert_eq!(marker_key(&one.0, &one.1) == marker_key(&other.0, &other.1), one == other);
        }

        #[test]
        fn a_marker_reads_back_as_written(tenant_id in tenant_id(), name in collection_name()) {
            prop_assert_eq!(read_marker(&marker_key(&tenant_id, &name)).unwrap(), (tenant_id, name));
        }

        #[test]
        fn any_marker_is_read_or_refused(sort in ".*") {
            let item = item_of([(PARTITION, text(MARKERS)), (SORT, text(sort))]);
            if let Ok((tenant_id, name)) = read_marker(&item) {
                prop_assert_eq!(marker_key(&tenant_id, &name), item);
            }
        }
    }

    /// Written before collections had spaces, revisions and sagas.
    #[test]
    fn a_collection_from_before_reembeddings_reads_as_one_that_was_never_replaced() {
        let stored = r#"{"tenant_id":"acme","name":"contracts","model":"minilm","dimensions":384,"created_at":"2025-11-21T02:00:00.123Z"}"#;
        let read: Collection = read_setting(&item_of([(SETTING, text(stored))])).unwrap();
        assert_eq!((read.space, read.revision), (IndexSpace::FIRST, Revision::default()));
        assert_eq!((read.reembedding, read.last_reembedding), (None, None));
    }
}
