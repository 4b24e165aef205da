//! The history of documents in DynamoDB: events, heads, snapshots, and the claim that fences an append, in one
//! transaction. The table's stream carries the events to the relay; nothing here publishes.
//!
//! Reads are consistent, so they see every append that was acknowledged before. The exceptions are which documents are
//! unsettled and which belong to a collection: those come from indexes which are a moment behind. The heads behind the
//! first are read consistently, so a document that has settled is never listed; one whose work has only just become owed may
//! be missing once, and the next sweep finds it.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use millrace_domain::{
    CollectionName, DocumentHead, DocumentId, DocumentKey, EventEnvelope, TenantId, Timestamp, Version,
};
use millrace_ports::{
    APPEND_EVENTS_MAX, Append, ErrorKind, EventStore, History, PortError, SNAPSHOT_EVERY, UnsettledDocument,
    UnsettledPage, UnsettledPlace,
};

use super::append_transaction::AppendTransaction;
use super::batch_get::get_items;
use super::document_partition::{collection_key, document_partition, read_document_partition};
use super::failure::transaction_error;
use super::history::{HistoryFault, HistoryReader, Reading};
use super::item::{Item, UnreadableItem, number, optional_instant, read_number};
use super::journal_item::{head_key, read_event, read_head};
use super::query_pages::{query_all, query_page};
use super::schema::PARTITION;
use super::schema::journal::{
    COLLECTION_INDEX, ENVELOPE, LIVE_COLLECTION, UNSETTLED_INDEX, UNSETTLED_SINCE, VERSION,
};
use super::table_name::TableName;
use super::unsettled_index::unsettled_places;

/// Most documents that one call of `unsettled` gives, whatever its limit says.
const UNSETTLED_MAX: usize = 10_000;
/// Most documents that one call of `documents_of` gives, whatever its limit says.
const DOCUMENTS_OF_MAX: usize = 10_000;
/// Most events that one call of `read` gives, whatever its limit says.
const READ_EVENTS_MAX: usize = 10_000;
/// Items of a load's first page: the head, all events since the last snapshot, the snapshot, and an append that is being
/// written meanwhile. Only a document without snapshots needs a second page.
const FIRST_PAGE_ITEMS: i32 = 3 + SNAPSHOT_EVERY as i32 + 2 * APPEND_EVENTS_MAX as i32;
/// How often a history with a missing event is looked at, the first time counted. A transaction that is being written
/// shows its items one by one for some milliseconds; what is missing after that is lost.
const LOOKS_MAX: u32 = 5;
/// The pause before the second look; it doubles each time.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
/// Longest pause of a writer before it learns that it lost to another, in milliseconds: some five appends. Whoever tries
/// again at once meets the winner's successors again, and every attempt costs the partition what a success does. Why this
/// long is in docs/scale.md.
const CONFLICT_PAUSE_MS_MAX: u64 = 100;

/// The tables that an append writes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalTables {
    /// Events, heads and snapshots.
    pub journal: TableName,
    /// Claims.
    pub ledger: TableName,
}

/// The event store on AWS.
#[derive(Debug, Clone)]
pub struct DynamoDbEventStore {
    client: Client,
    tables: JournalTables,
}

impl DynamoDbEventStore {
    /// A store in these tables.
    pub fn new(client: Client, tables: JournalTables) -> Self {
        Self { client, tables }
    }
}

#[async_trait]
impl EventStore for DynamoDbEventStore {
    async fn append(&self, append: Append) -> Result<Version, PortError> {
        let attempted = format!("append to document {}", append.key.document_id);
        let AppendTransaction { items, roles, token } =
            AppendTransaction::of(&append, &self.tables, &attempted)?;
        let sent = self
            .client
            .transact_write_items()
            .set_transact_items(Some(items))
            .client_request_token(token)
            .send()
            .await;
        let Err(error) = sent else { return Ok(append.head.version) };
        let error = transaction_error(error, attempted, &roles);
        if error.kind == ErrorKind::Conflict {
            tokio::time::sleep(pause_after_conflict(&append)).await;
        }
        Err(error)
    }

    async fn load(&self, key: &DocumentKey) -> Result<Option<History>, PortError> {
        let attempted = format!("load document {}", key.document_id);
        let mut missing = Version::NONE;
        for look in 0..LOOKS_MAX {
            pause_before_look(look).await;
            match self.look_at_history(key, &attempted).await? {
                Ok(history) => return Ok(history),
                Err(HistoryFault::Unreadable(error)) => return Err(error.while_attempting(attempted)),
                Err(HistoryFault::Missing(version)) => missing = version,
            }
        }
        Err(lost(missing, attempted))
    }

    async fn read(
        &self,
        key: &DocumentKey,
        after: Version,
        limit: usize,
    ) -> Result<Vec<EventEnvelope>, PortError> {
        let attempted = format!("read events of document {}", key.document_id);
        let limit = limit.min(READ_EVENTS_MAX);
        let mut events: Vec<EventEnvelope> = Vec::new();
        for look in 0..LOOKS_MAX {
            pause_before_look(look).await;
            let reached = events.last().map_or(after, |event| event.sequence);
            let more = self.look_at_events(key, reached, limit - events.len(), &attempted).await?;
            let (found, first) = (more.len(), events.len());
            events.extend(more.into_iter().zip(reached.get() + 1..).map_while(in_its_place));
            if events.len() - first == found {
                return Ok(events);
            }
        }
        let reached = events.last().map_or(after, |event| event.sequence);
        Err(lost(reached.next(), attempted))
    }

    async fn heads(&self, keys: &[DocumentKey]) -> Result<Vec<Option<DocumentHead>>, PortError> {
        let attempted = format!("read the heads of {} documents", keys.len());
        let distinct: HashSet<&DocumentKey> = keys.iter().collect();
        let wanted = distinct.into_iter().map(head_key).collect();
        let items = get_items(&self.client, &self.tables.journal, wanted, true, &attempted).await?;
        let read = |item: &Item| Ok((read_document_partition(item)?, read_head(item)?));
        let heads = items.iter().map(read).collect::<Result<HashMap<_, _>, UnreadableItem>>();
        let heads = heads.map_err(|error| error.while_attempting(attempted))?;
        Ok(keys.iter().map(|key| heads.get(key).cloned()).collect())
    }

    async fn unsettled(
        &self,
        before: Timestamp,
        after: Option<&UnsettledPlace>,
        limit: usize,
    ) -> Result<UnsettledPage, PortError> {
        let limit = limit.clamp(1, UNSETTLED_MAX);
        let listed = unsettled_places(self.index(UNSETTLED_INDEX), before, after, limit).await?;
        let attempted = format!("read the heads of {} unsettled documents", listed.places.len());
        let distinct: HashSet<&DocumentKey> = listed.places.iter().map(|place| &place.key).collect();
        let wanted = distinct.into_iter().map(head_key).collect();
        let items = get_items(&self.client, &self.tables.journal, wanted, true, &attempted).await?;
        let read = |item: &Item| {
            let owed = optional_instant(item, UNSETTLED_SINCE)?.is_some_and(|since| since < before);
            Ok((read_document_partition(item)?, (read_number(item, VERSION).map(Version::new)?, owed)))
        };
        let heads = items.iter().map(read).collect::<Result<HashMap<_, _>, UnreadableItem>>();
        let heads = heads.map_err(|error| error.while_attempting(attempted))?;
        let documents = listed.places.into_iter().filter_map(|place| {
            let (version, _) = *heads.get(&place.key).filter(|(_, owed)| *owed)?;
            Some(UnsettledDocument { place, version })
        });
        Ok(UnsettledPage { documents: documents.collect(), next: listed.next })
    }

    async fn documents_of(
        &self,
        tenant: &TenantId,
        collection: &CollectionName,
        after: Option<DocumentId>,
        limit: usize,
    ) -> Result<Vec<DocumentId>, PortError> {
        let attempted = format!("list the documents of collection {collection}");
        let mut query = self
            .index(COLLECTION_INDEX)
            .scan_index_forward(false)
            .expression_attribute_names("#collection", LIVE_COLLECTION)
            .expression_attribute_values(":collection", collection_key(tenant, collection));
        query = match after {
            None => query.key_condition_expression("#collection = :collection"),
            Some(document_id) => {
                let after = document_partition(&DocumentKey { tenant_id: tenant.clone(), document_id });
                let condition = "#collection = :collection AND #document < :after";
                query
                    .key_condition_expression(condition)
                    .expression_attribute_names("#document", PARTITION)
                    .expression_attribute_values(":after", after)
            }
        };
        let items = query_all(query, limit.min(DOCUMENTS_OF_MAX), &attempted).await?;
        let ids = items.iter().map(|item| read_document_partition(item).map(|key| key.document_id));
        ids.collect::<Result<_, UnreadableItem>>().map_err(|error| error.while_attempting(attempted))
    }
}

impl DynamoDbEventStore {
    /// A query of an index, eventually consistent as they all are.
    fn index(&self, name: &str) -> QueryFluentBuilder {
        self.client.query().table_name(self.tables.journal.as_str()).index_name(name)
    }

    /// The history as it is shown at this moment.
    async fn look_at_history(
        &self,
        key: &DocumentKey,
        attempted: &str,
    ) -> Result<Result<Option<History>, HistoryFault>, PortError> {
        let backwards = self.partition(key).key_condition_expression("pk = :pk").scan_index_forward(false);
        let mut reader = HistoryReader::new(key);
        let mut query = backwards.clone().limit(FIRST_PAGE_ITEMS);
        let mut start = None;
        loop {
            let page = query_page(query, start, attempted).await?;
            for item in &page.items {
                match reader.take(item) {
                    Ok(Reading::Needed) => {}
                    Ok(Reading::Done) => return Ok(reader.finish()),
                    Err(fault) => return Ok(Err(fault)),
                }
            }
            if page.next.is_none() {
                return Ok(reader.finish());
            }
            (query, start) = (backwards.clone(), page.next);
        }
    }

    /// The events after `after` that are shown at this moment, in order, at most `limit`.
    async fn look_at_events(
        &self,
        key: &DocumentKey,
        after: Version,
        limit: usize,
        attempted: &str,
    ) -> Result<Vec<EventEnvelope>, PortError> {
        // The head lies above `:last`. Snapshots lie between the events and are left out.
        let query = self
            .partition(key)
            .key_condition_expression("pk = :pk AND sk BETWEEN :first AND :last")
            .expression_attribute_values(":first", number(after.get().saturating_add(1)))
            .expression_attribute_values(":last", number(u64::MAX))
            .filter_expression("attribute_exists(#envelope)")
            .expression_attribute_names("#envelope", ENVELOPE);
        let items = query_all(query, limit, attempted).await?;
        let events = items.iter().map(|item| read_event(key, item)).collect::<Result<_, _>>();
        events.map_err(|error| error.while_attempting(attempted))
    }

    /// A consistent query in a document's partition.
    fn partition(&self, key: &DocumentKey) -> QueryFluentBuilder {
        self.client
            .query()
            .table_name(self.tables.journal.as_str())
            .consistent_read(true)
            .expression_attribute_values(":pk", document_partition(key))
    }
}

/// Ends before the first event that does not follow the one before.
fn in_its_place((event, sequence): (EventEnvelope, u64)) -> Option<EventEnvelope> {
    (event.sequence.get() == sequence).then_some(event)
}

async fn pause_before_look(look: u32) {
    if look > 0 {
        tokio::time::sleep(FIRST_PAUSE * 2_u32.pow(look - 1)).await;
    }
}

/// Anything from nothing to the longest pause. The last bits of an event's id are random, and new for each attempt.
pub(super) fn pause_after_conflict(append: &Append) -> Duration {
    let lot = append.events.first().map_or(0, |event| event.id.as_uuid().as_u64_pair().1);
    Duration::from_millis(lot % (CONFLICT_PAUSE_MS_MAX + 1))
}

fn lost(version: Version, attempted: String) -> PortError {
    let reason = format!("event {version} is missing from the history");
    PortError::caused(ErrorKind::Corrupt, attempted, reason)
}
