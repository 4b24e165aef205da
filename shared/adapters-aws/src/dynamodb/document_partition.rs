//! The partition key of a document, `tenant#document`, and of a collection in an index, `tenant#collection`: in the journal and
//! in the views.

use aws_sdk_dynamodb::types::AttributeValue;
use millrace_domain::{CollectionName, DocumentId, DocumentKey, TenantId};

use super::item::{Item, UnreadableItem, read_text, text};
use super::schema::PARTITION;

/// The key's value. No tenant contains the separator.
pub(crate) fn document_partition(key: &DocumentKey) -> AttributeValue {
    text(format!("{}#{}", key.tenant_id, key.document_id))
}

/// The key under which indexes have a tenant's collection.
pub(crate) fn collection_key(tenant: &TenantId, collection: &CollectionName) -> AttributeValue {
    text(format!("{tenant}#{collection}"))
}

/// The document whose item this is.
pub(crate) fn read_document_partition(item: &Item) -> Result<DocumentKey, UnreadableItem> {
    let partition = read_text(item, PARTITION)?;
    let (tenant, document) =
        partition.split_once('#').ok_or_else(|| UnreadableItem::because(PARTITION, "no separator"))?;
    let unreadable = |error| UnreadableItem::because(PARTITION, error);
    Ok(DocumentKey {
        tenant_id: TenantId::new(tenant).map_err(unreadable)?,
        document_id: document.parse::<DocumentId>().map_err(unreadable)?,
    })
}

#[cfg(test)]
mod tests {
    use millrace_test_support::strategies::document_key;
    use proptest::prelude::*;

    use super::*;
    use crate::dynamodb::item::item_of;

    proptest! {
        #[test]
        fn a_key_reads_back_as_written(key in document_key()) {
            let item = item_of([(PARTITION, document_partition(&key))]);
            prop_assert_eq!(read_document_partition(&item).unwrap(), key);
        }

        #[test]
        fn any_text_is_read_or_refused(partition in ".*") {
            let item = item_of([(PARTITION, text(partition))]);
            if let Ok(key) = read_document_partition(&item) {
                prop_assert_eq!(document_partition(&key), item[PARTITION].clone());
            }
        }
    }
}
