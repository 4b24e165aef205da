//! Which index answers a list, and which of its documents belong to it. Reading the index is not done here.

use aws_sdk_dynamodb::types::AttributeValue;
use millrace_domain::Document;
use millrace_ports::ListQuery;

use super::document_partition::collection_key;
use super::item::text;
use super::schema::views::{
    BY_COLLECTION, BY_LABEL, BY_STATUS, BY_TENANT, COLLECTION, LABEL, LIVE_COLLECTION, LIVE_LABEL,
    LIVE_TENANT, TENANT_STATUS,
};
use super::view_item::{label_key, status_key};

/// How a list is read from an index.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct IndexPlan {
    /// The index.
    pub(crate) index: &'static str,
    /// Its partition key's name.
    pub(crate) key: &'static str,
    /// Its partition key's value.
    pub(crate) value: AttributeValue,
    /// Attributes of the index that must have these values besides.
    pub(crate) filters: Vec<(&'static str, AttributeValue)>,
}

impl IndexPlan {
    /// The narrowest index. Only that of states has deleted documents, so whoever asks for a state gets that one.
    pub(crate) fn of(query: &ListQuery) -> Self {
        let tenant = &query.tenant_id;
        let collection = query.collection.as_ref().map(|name| (COLLECTION, text(name.as_str())));
        let label = query.label.as_deref().map(|label| (LABEL, text(label)));
        let plan = |index, key, value, filters: Vec<Option<_>>| Self {
            index,
            key,
            value,
            filters: filters.into_iter().flatten().collect(),
        };
        match (query.status, query.label.as_deref(), &query.collection) {
            (Some(status), _, _) => {
                plan(BY_STATUS, TENANT_STATUS, status_key(tenant, status), vec![collection, label])
            }
            (None, Some(wanted), _) => {
                plan(BY_LABEL, LIVE_LABEL, label_key(tenant, wanted), vec![collection])
            }
            (None, None, Some(name)) => {
                plan(BY_COLLECTION, LIVE_COLLECTION, collection_key(tenant, name), vec![])
            }
            (None, None, None) => plan(BY_TENANT, LIVE_TENANT, text(tenant.as_str()), vec![]),
        }
    }
}

/// Whether a document belongs to a list. The index may be a moment behind; the document itself is asked.
pub(crate) fn belongs(query: &ListQuery, document: &Document) -> bool {
    let label = document.classification.as_ref().map(|verdict| &verdict.label);
    query.status.map_or(!document.status.is_gone(), |status| document.status == status)
        && query.collection.as_ref().is_none_or(|collection| document.collection == *collection)
        && query.label.as_ref().is_none_or(|wanted| label == Some(wanted))
}

#[cfg(test)]
mod tests {
    use millrace_domain::Status;
    use millrace_test_support::builders::{collection, tenant};
    use millrace_test_support::{SeededIds, Story};

    use super::*;

    fn query(status: Option<Status>, label: Option<&str>, collection_name: Option<&str>) -> ListQuery {
        ListQuery {
            tenant_id: tenant("acme"),
            collection: collection_name.map(collection),
            status,
            label: label.map(str::to_owned),
            after: None,
            limit: 10,
        }
    }

    #[test]
    fn each_combination_has_its_index_and_filters_by_the_rest() {
        let cases = [
            (query(None, None, None), BY_TENANT, "acme", vec![]),
            (query(None, None, Some("letters")), BY_COLLECTION, "acme#letters", vec![]),
            (query(None, Some("invoice"), None), BY_LABEL, "acme#invoice", vec![]),
            (query(None, Some("invoice"), Some("letters")), BY_LABEL, "acme#invoice", vec![COLLECTION]),
            (query(Some(Status::Ready), None, None), BY_STATUS, "acme#ready", vec![]),
            (
                query(Some(Status::Deleted), Some("invoice"), Some("letters")),
                BY_STATUS,
                "acme#deleted",
                vec![COLLECTION, LABEL],
            ),
        ];
        for (query, index, value, filters) in cases {
            let plan = IndexPlan::of(&query);
            let names: Vec<&str> = plan.filters.iter().map(|(name, _)| *name).collect();
            assert_eq!((plan.index, plan.value, names), (index, text(value), filters), "{query:?}");
        }
    }

    #[test]
    fn the_document_decides_and_not_the_index() {
        let ids = SeededIds::new(1);
        let mut story = Story::of(&ids, "acme");
        story.upload(&ids);
        story.classify(&ids, "invoice");
        let belongs = |query: ListQuery| belongs(&query, story.state());
        assert!(belongs(query(None, None, None)));
        assert!(belongs(query(Some(Status::Processing), Some("invoice"), Some("default"))));
        assert!(!belongs(query(Some(Status::Ready), None, None)));
        assert!(!belongs(query(None, Some("invoices"), None)));
        assert!(!belongs(query(None, None, Some("letters"))));
    }
}
