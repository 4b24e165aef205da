//! Documents as lists and statistics see them, in DynamoDB. Projecting events into them is the projector's work.
//!
//! A list reads ids from an index and then the documents, consistently. Saving a view costs one write of the item, and of
//! an index entry only where a key or a filtered value changes: about ten in a document's life. A tenant's entries share a
//! partition in each index, which takes about 1,000 writes a second; beyond that saves are throttled and their events wait.
//!
//! Counts are summed over the index of states rather than kept in counters. Counters must not count a duplicate twice, so
//! each save would be a transaction with two of them, at four times the cost and in conflict with every other document of
//! the collection. The sum costs one read unit for about sixty documents and grows with their number: some milliseconds
//! for thousands, seconds for a million.

use std::collections::{BTreeMap, HashMap};

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use futures::future::try_join_all;
use futures::{StreamExt, TryStreamExt, stream};
use millrace_domain::{CollectionName, DocumentId, DocumentKey, Status, TenantId};
use millrace_ports::{
    DocumentView, ErrorKind, ListQuery, PAGE_LIMIT_MAX, Page, PortError, ReadModel, ViewCount,
};

use super::batch_get::get_items;
use super::failure::dynamodb_error;
use super::item::{Item, UnreadableItem, check_size, number, parse_text, read_number, text};
use super::query_pages::query_page;
use super::schema::views::{BY_STATUS, BYTES, CHUNKS, COLLECTION, DOCUMENT, TENANT_STATUS, VERSION};
use super::table_name::TableName;
use super::view_item::{read_view, status_key, view_item, view_key};
use super::view_query::{IndexPlan, belongs};

/// Saves at once.
const SAVES_AT_ONCE: usize = 16;
/// Index entries of one read where some are filtered away.
const FILTERED_ENTRIES: usize = 1_000;
/// Reads of an index for one page of a list. Beyond it the page is shorter than asked and says where to go on.
const LIST_READS_MAX: usize = 20;

const IS_NEWER: &str = "attribute_not_exists(pk) OR #version < :version";

/// The read model on AWS.
#[derive(Debug, Clone)]
pub struct DynamoDbReadModel {
    client: Client,
    table: TableName,
}

impl DynamoDbReadModel {
    /// A read model in a table.
    pub fn new(client: Client, table: TableName) -> Self {
        Self { client, table }
    }
}

#[async_trait]
impl ReadModel for DynamoDbReadModel {
    async fn get(&self, key: &DocumentKey) -> Result<Option<DocumentView>, PortError> {
        let attempted = format!("read the view of {}", key.document_id);
        let get = self.client.get_item().table_name(self.table.as_str()).consistent_read(true);
        let answer = get.set_key(Some(view_key(key))).send().await;
        let answer = answer.map_err(|error| dynamodb_error(error, &*attempted))?;
        let view = answer.item().map(read_view).transpose();
        view.map_err(|error| error.while_attempting(attempted))
    }

    async fn save(&self, views: &[DocumentView]) -> Result<(), PortError> {
        let saves: Vec<_> = views.iter().map(|view| self.save_one(view)).collect();
        stream::iter(saves).buffer_unordered(SAVES_AT_ONCE).try_collect().await
    }

    async fn list(&self, query: &ListQuery) -> Result<Page, PortError> {
        let limit = query.limit.clamp(1, PAGE_LIMIT_MAX);
        let plan = IndexPlan::of(query);
        let mut views = Vec::new();
        let mut after = query.after;
        for _ in 0..LIST_READS_MAX {
            let wanted = limit - views.len();
            let mut entries = self.entries(&plan, after, wanted + 1).await?;
            let is_full = entries.documents.len() > wanted;
            entries.documents.truncate(wanted);
            after = if is_full { entries.documents.last().copied() } else { entries.end };
            views.extend(self.members(query, &entries.documents).await?);
            if after.is_none() || views.len() == limit {
                break;
            }
        }
        Ok(Page { views, next: after })
    }

    async fn counts(&self, tenant: &TenantId) -> Result<Vec<ViewCount>, PortError> {
        let of_states = Status::ALL.map(|status| self.counts_in_state(tenant, status));
        let mut counts = try_join_all(of_states).await?.concat();
        counts.sort_by(|one, other| {
            (&one.collection, one.status.as_str()).cmp(&(&other.collection, other.status.as_str()))
        });
        Ok(counts)
    }
}

/// Entries of an index.
struct Entries {
    /// The documents, the newest first.
    documents: Vec<DocumentId>,
    /// The last document looked at, if there are older ones.
    end: Option<DocumentId>,
}

impl DynamoDbReadModel {
    async fn save_one(&self, view: &DocumentView) -> Result<(), PortError> {
        let attempted = format!("save the view of {}", view.key.document_id);
        let item = view_item(view)
            .map_err(|error| PortError::caused(ErrorKind::Invalid, attempted.clone(), error))?;
        check_size(&item, &attempted)?;
        let put = self
            .client
            .put_item()
            .table_name(self.table.as_str())
            .set_item(Some(item))
            .condition_expression(IS_NEWER)
            .expression_attribute_names("#version", VERSION)
            .expression_attribute_values(":version", number(view.document.version));
        let Err(error) = put.send().await else { return Ok(()) };
        let is_stale =
            error.as_service_error().is_some_and(PutItemError::is_conditional_check_failed_exception);
        // What is stored is at least as new.
        if is_stale { Ok(()) } else { Err(dynamodb_error(error, attempted)) }
    }

    /// One read of an index, of entries older than `after`: at least `wanted` are looked at.
    async fn entries(
        &self,
        plan: &IndexPlan,
        after: Option<DocumentId>,
        wanted: usize,
    ) -> Result<Entries, PortError> {
        let attempted = "list documents";
        let limit = if plan.filters.is_empty() { wanted } else { wanted.max(FILTERED_ENTRIES) };
        let query = self.index_query(plan, after).limit(i32::try_from(limit).unwrap_or(i32::MAX));
        let page = query_page(query, None, attempted).await?;
        let read = |item: &Item| parse_text::<DocumentId>(item, DOCUMENT);
        let documents = page.items.iter().map(read).collect::<Result<Vec<_>, _>>();
        let end = page.next.as_ref().map(read).transpose();
        let unreadable = |error: UnreadableItem| error.while_attempting(attempted);
        Ok(Entries { documents: documents.map_err(unreadable)?, end: end.map_err(unreadable)? })
    }

    fn index_query(&self, plan: &IndexPlan, after: Option<DocumentId>) -> QueryFluentBuilder {
        let mut query = self
            .client
            .query()
            .table_name(self.table.as_str())
            .index_name(plan.index)
            .scan_index_forward(false)
            .expression_attribute_names("#key", plan.key)
            .expression_attribute_values(":key", plan.value.clone());
        query = match after {
            None => query.key_condition_expression("#key = :key"),
            Some(after) => query
                .key_condition_expression("#key = :key AND #document < :after")
                .expression_attribute_names("#document", DOCUMENT)
                .expression_attribute_values(":after", text(after.to_string())),
        };
        let mut conditions = Vec::new();
        for (name, value) in &plan.filters {
            conditions.push(format!("#{name} = :{name}"));
            query = query
                .expression_attribute_names(format!("#{name}"), *name)
                .expression_attribute_values(format!(":{name}"), value.clone());
        }
        if conditions.is_empty() { query } else { query.filter_expression(conditions.join(" AND ")) }
    }

    /// Those of the documents that belong to the list, in the same order.
    async fn members(
        &self,
        query: &ListQuery,
        documents: &[DocumentId],
    ) -> Result<Vec<DocumentView>, PortError> {
        let attempted = "read listed documents";
        let key = |document_id: &DocumentId| DocumentKey {
            tenant_id: query.tenant_id.clone(),
            document_id: *document_id,
        };
        let keys = documents.iter().map(|document| view_key(&key(document))).collect();
        let items = get_items(&self.client, &self.table, keys, true, attempted).await?;
        let views = items.iter().map(|item| read_view(item).map(|view| (view.key.document_id, view)));
        let views = views.collect::<Result<HashMap<DocumentId, DocumentView>, _>>();
        let mut views = views.map_err(|error| error.while_attempting(attempted))?;
        let found = documents.iter().filter_map(|document| views.remove(document));
        Ok(found.filter(|view| belongs(query, &view.document)).collect())
    }

    async fn counts_in_state(&self, tenant: &TenantId, status: Status) -> Result<Vec<ViewCount>, PortError> {
        let attempted = "count documents";
        let query = self
            .client
            .query()
            .table_name(self.table.as_str())
            .index_name(BY_STATUS)
            .key_condition_expression("#status = :status")
            .projection_expression("#collection, #chunks, #bytes")
            .expression_attribute_names("#status", TENANT_STATUS)
            .expression_attribute_names("#collection", COLLECTION)
            .expression_attribute_names("#chunks", CHUNKS)
            .expression_attribute_names("#bytes", BYTES)
            .expression_attribute_values(":status", status_key(tenant, status));
        let mut counts: BTreeMap<CollectionName, ViewCount> = BTreeMap::new();
        let mut start = None;
        loop {
            let page = query_page(query.clone(), start, attempted).await?;
            let added = page.items.iter().try_for_each(|item| add(&mut counts, status, item));
            added.map_err(|error| error.while_attempting(attempted))?;
            start = page.next;
            if start.is_none() {
                return Ok(counts.into_values().collect());
            }
        }
    }
}

fn add(
    counts: &mut BTreeMap<CollectionName, ViewCount>,
    status: Status,
    item: &Item,
) -> Result<(), UnreadableItem> {
    let collection: CollectionName = parse_text(item, COLLECTION)?;
    let (chunks, bytes): (u64, u64) = (read_number(item, CHUNKS)?, read_number(item, BYTES)?);
    let none = ViewCount { collection: collection.clone(), status, documents: 0, chunks: 0, bytes: 0 };
    let count = counts.entry(collection).or_insert(none);
    count.documents += 1;
    count.chunks += chunks;
    count.bytes += bytes;
    Ok(())
}
