//! How settings lie in their table: a tenant's collections together under the tenant, an API key by the hash of its
//! secret, each as JSON. Webhooks will lie under their tenant too.

use millrace_domain::{CollectionName, ContentHash, TenantId};
use millrace_ports::{ApiKey, Collection};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::item::{Item, UnreadableItem, item_of, read_text, text};
use super::schema::settings::SETTING;
use super::schema::{PARTITION, SORT};

/// The sort key of an API key: it is alone under its hash.
const API_KEY: &str = "api-key";

/// The key of a collection.
pub(crate) fn collection_setting_key(tenant: &TenantId, name: &CollectionName) -> Item {
    item_of([(PARTITION, text(format!("tenant#{tenant}"))), (SORT, text(format!("collection#{name}")))])
}

/// The key of an API key.
pub(crate) fn api_key_setting_key(secret_sha256: &ContentHash) -> Item {
    item_of([(PARTITION, text(format!("{API_KEY}#{}", secret_sha256.as_str()))), (SORT, text(API_KEY))])
}

/// A collection's item.
pub(crate) fn collection_item(collection: &Collection) -> Result<Item, serde_json::Error> {
    setting_item(collection_setting_key(&collection.tenant_id, &collection.name), collection)
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
    use millrace_domain::ModelId;
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
        ) {
            let model = ModelId::new(model).unwrap();
            let collection = Collection { tenant_id: tenant_id.clone(), name, model, dimensions, created_at };
            prop_assert_eq!(read_setting::<Collection>(&collection_item(&collection).unwrap()).unwrap(), collection);
            let key = ApiKey { secret_sha256: ContentHash::from_digest(digest), tenant_id, label, created_at };
            prop_assert_eq!(read_setting::<ApiKey>(&api_key_item(&key).unwrap()).unwrap(), key);
        }

        #[test]
        fn no_two_settings_share_a_key(one in (tenant_id(), collection_name()), other in (tenant_id(), collection_name())) {
            let same = collection_setting_key(&one.0, &one.1) == collection_setting_key(&other.0, &other.1);
            prop_assert_eq!(same, one == other);
        }
    }
}
