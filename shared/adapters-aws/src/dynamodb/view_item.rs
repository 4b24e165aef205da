//! How a document's view lies in the table: its state as JSON, and beside it what lists are keyed and filtered by and what
//! is counted.

use aws_sdk_dynamodb::types::AttributeValue;
use millrace_domain::{Document, DocumentKey, Status, TenantId};
use millrace_ports::DocumentView;

use super::document_partition::{collection_key, document_partition, read_document_partition};
use super::item::{Item, UnreadableItem, item_of, number, read_text, text};
use super::schema::PARTITION;
use super::schema::views::{
    BYTES, CHUNKS, COLLECTION, DOCUMENT, LABEL, LIVE_COLLECTION, LIVE_LABEL, LIVE_TENANT, STATE,
    TENANT_STATUS, VERSION,
};

/// The most bytes of a label that key an index; a partition key has at most 2,048. Labels that differ only beyond share
/// a key, and lists look at the whole label besides.
const LABEL_KEY_BYTES_MAX: usize = 1_024;

/// The key of a view.
pub(crate) fn view_key(key: &DocumentKey) -> Item {
    item_of([(PARTITION, document_partition(key))])
}

/// The index key of a tenant's state.
pub(crate) fn status_key(tenant: &TenantId, status: Status) -> AttributeValue {
    text(format!("{tenant}#{status}"))
}

/// The index key of a tenant's label.
pub(crate) fn label_key(tenant: &TenantId, label: &str) -> AttributeValue {
    let end = label.floor_char_boundary(LABEL_KEY_BYTES_MAX);
    text(format!("{tenant}#{}", &label[..end]))
}

/// A view's item.
pub(crate) fn view_item(view: &DocumentView) -> Result<Item, serde_json::Error> {
    let DocumentView { key, document } = view;
    let tenant = &key.tenant_id;
    // A deleted document holds nothing any more.
    let held = document.status != Status::Deleted;
    let mut item = item_of([
        (PARTITION, document_partition(key)),
        (DOCUMENT, text(key.document_id.to_string())),
        (VERSION, number(document.version)),
        (STATE, text(serde_json::to_string(document)?)),
        (COLLECTION, text(document.collection.as_str())),
        (CHUNKS, number(document.plan.filter(|_| held).map_or(0, |plan| plan.chunks))),
        (BYTES, number(if held { document.size_bytes.get() } else { 0 })),
        (TENANT_STATUS, status_key(tenant, document.status)),
    ]);
    let label = document.classification.as_ref().map(|verdict| verdict.label.as_str());
    item.extend(label.map(|label| (LABEL.to_owned(), text(label))));
    if !document.status.is_gone() {
        item.extend(item_of([
            (LIVE_TENANT, text(tenant.as_str())),
            (LIVE_COLLECTION, collection_key(tenant, &document.collection)),
        ]));
        item.extend(label.map(|label| (LIVE_LABEL.to_owned(), label_key(tenant, label))));
    }
    Ok(item)
}

/// Reads a view's item.
pub(crate) fn read_view(item: &Item) -> Result<DocumentView, UnreadableItem> {
    let document: Document = serde_json::from_str(read_text(item, STATE)?)
        .map_err(|error| UnreadableItem::because(STATE, error))?;
    Ok(DocumentView { key: read_document_partition(item)?, document })
}

#[cfg(test)]
mod tests {
    use millrace_test_support::strategies::{document_key, story};
    use proptest::prelude::*;

    use super::*;
    use crate::dynamodb::schema::views::TABLE;

    proptest! {
        #[test]
        fn a_view_reads_back_as_written(key in document_key(), story in story()) {
            let view = DocumentView { key, document: story.state().clone() };
            prop_assert_eq!(read_view(&view_item(&view).unwrap()).unwrap(), view);
        }

        #[test]
        fn deleted_documents_are_in_no_index_but_their_states(story in story()) {
            let item = view_item(&story.view()).unwrap();
            let is_in = |index: usize| item.contains_key(TABLE.indexes[index].partition.name);
            let (live, labelled) = (!story.state().status.is_gone(), story.state().classification.is_some());
            prop_assert_eq!([is_in(0), is_in(1), is_in(2), is_in(3)], [live, live, live && labelled, true]);
        }

        #[test]
        fn a_label_of_any_length_makes_a_key(label in ".{0,2000}") {
            let key = label_key(&TenantId::local_default(), &label);
            prop_assert!(key.as_s().unwrap().len() <= 2_048);
            prop_assert!(key.as_s().unwrap().starts_with("default#"));
        }
    }
}
