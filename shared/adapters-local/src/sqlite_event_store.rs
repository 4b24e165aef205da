//! The history of documents in SQLite: events, heads, snapshots, and the claim that fences an append, in one
//! transaction. What subscribers make of the events is not its business; it only says that there are new ones.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use millrace_domain::{
    CollectionName, Document, DocumentHead, DocumentId, DocumentKey, EventEnvelope, TenantId, Timestamp,
    Version,
};
use millrace_ports::{
    Append, ErrorKind, EventStore, History, PortError, UnsettledDocument, UnsettledPage, UnsettledPlace,
};
use rusqlite::{Connection, OptionalExtension, Row};
use tokio::sync::watch;

use crate::database::{Database, corrupt, read_row, read_rows, sql_error};
use crate::head_row::{HEAD_COLUMNS, read_head, read_key, replace_head};
use crate::ledger_row::complete_claim;
use crate::publications::Publications;

/// Most documents that one call of `unsettled` gives, whatever its limit says.
const UNSETTLED_MAX: usize = 10_000;
/// The order is that of the index, whose rows end with the table's key.
const SELECT_UNSETTLED: &str = "SELECT tenant, document, version, unsettled_since FROM heads \
     WHERE unsettled_since < ?1 AND (unsettled_since, tenant, document) > (?2, ?3, ?4) \
     ORDER BY unsettled_since, tenant, document LIMIT ?5";
/// Most documents that one call of `documents_of` gives, whatever its limit says.
const DOCUMENTS_OF_MAX: usize = 10_000;
/// The condition on the state is that of the index, word by word, or SQLite refuses. Left to itself it goes through all
/// documents of the tenant.
const SELECT_DOCUMENTS_OF: &str = "SELECT document FROM heads INDEXED BY heads_by_collection \
     WHERE tenant = ?1 AND collection = ?2 AND document < ?3 AND status NOT IN ('deleting', 'deleted') \
     ORDER BY document DESC LIMIT ?4";
/// Most events that one call of `read` gives, whatever its limit says.
const READ_EVENTS_MAX: usize = 10_000;

/// The event store of a single node.
pub struct SqliteEventStore {
    database: Database,
    publications: Arc<Publications>,
    appended: Arc<watch::Sender<i64>>,
}

impl fmt::Debug for SqliteEventStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteEventStore").field("database", &self.database).finish_non_exhaustive()
    }
}

impl SqliteEventStore {
    /// A store in the database, which keeps `publications` in step with it.
    pub fn new(database: Database, publications: Arc<Publications>) -> Self {
        Self { database, publications, appended: Arc::new(watch::Sender::new(0)) }
    }

    /// The journal position of the last append since the start (0 before the first), and a sign when it grows.
    pub fn appended(&self) -> watch::Receiver<i64> {
        self.appended.subscribe()
    }
}

#[async_trait]
impl EventStore for SqliteEventStore {
    async fn append(&self, append: Append) -> Result<Version, PortError> {
        let attempted = format!("append to document {}", append.key.document_id);
        if let Err(rule) = append.check() {
            return Err(PortError::caused(ErrorKind::Invalid, attempted, rule));
        }
        let rows = EventRows::encode(&append)
            .map_err(|error| PortError::caused(ErrorKind::Invalid, attempted.clone(), error))?;
        let (publications, appended) = (Arc::clone(&self.publications), Arc::clone(&self.appended));
        let (key, head) = (append.key.clone(), append.head.clone());
        let after_commit = move |position: &i64| {
            publications.apply(&key, &head);
            appended.send_replace(*position);
        };
        let version = append.head.version;
        let write = move |connection: &Connection| write_append(connection, &append, &rows);
        self.database.write_then(attempted, write, after_commit).await?;
        Ok(version)
    }

    async fn load(&self, key: &DocumentKey) -> Result<Option<History>, PortError> {
        let key = key.clone();
        let attempted = format!("load document {}", key.document_id);
        self.database.read(attempted, move |connection| load(connection, &key)).await
    }

    async fn read(
        &self,
        key: &DocumentKey,
        after: Version,
        limit: usize,
    ) -> Result<Vec<EventEnvelope>, PortError> {
        let key = key.clone();
        let attempted = format!("read events of document {}", key.document_id);
        let limit = limit.min(READ_EVENTS_MAX);
        self.database
            .read(attempted, move |connection| read_events(connection, &key, after, Some(limit)))
            .await
    }

    async fn heads(&self, keys: &[DocumentKey]) -> Result<Vec<Option<DocumentHead>>, PortError> {
        let keys = keys.to_vec();
        let attempted = format!("read the heads of {} documents", keys.len());
        let select = format!("SELECT {HEAD_COLUMNS} FROM heads WHERE tenant = ?1 AND document = ?2");
        let read = move |connection: &Connection| {
            let mut statement = connection.prepare_cached(&select).map_err(sql_error)?;
            let mut head_of = |key: &DocumentKey| {
                let names = (key.tenant_id.as_str(), key.document_id.to_string());
                read_row(&mut statement, names, read_head).map(|found| found.map(|(_, head)| head))
            };
            keys.iter().map(&mut head_of).collect()
        };
        self.database.read(attempted, read).await
    }

    async fn unsettled(
        &self,
        before: Timestamp,
        after: Option<&UnsettledPlace>,
        limit: usize,
    ) -> Result<UnsettledPage, PortError> {
        let limit = limit.clamp(1, UNSETTLED_MAX);
        let (since, tenant, document) = after.map_or_else(
            || (i64::MIN, String::new(), String::new()),
            |UnsettledPlace { since, key }| {
                (since.as_millis(), key.tenant_id.to_string(), key.document_id.to_string())
            },
        );
        let read = move |connection: &Connection| {
            let mut statement = connection.prepare_cached(SELECT_UNSETTLED).map_err(sql_error)?;
            let bounds = (before.as_millis(), since, tenant, document, limit);
            let documents = read_rows(&mut statement, bounds, read_unsettled)?;
            let last = documents.last().filter(|_| documents.len() == limit);
            let next = last.map(|document| document.place.clone());
            Ok(UnsettledPage { documents, next })
        };
        self.database.read("list unsettled documents", read).await
    }

    async fn documents_of(
        &self,
        tenant: &TenantId,
        collection: &CollectionName,
        after: Option<DocumentId>,
        limit: usize,
    ) -> Result<Vec<DocumentId>, PortError> {
        let (tenant, collection) = (tenant.clone(), collection.clone());
        let attempted = format!("list the documents of collection {collection}");
        let limit = limit.min(DOCUMENTS_OF_MAX);
        let read = move |connection: &Connection| {
            // Ids are written in lower-case hexadecimal, above all of which lies any other letter.
            let after = after.map_or_else(|| "z".to_owned(), |id| id.to_string());
            let mut statement = connection.prepare_cached(SELECT_DOCUMENTS_OF).map_err(sql_error)?;
            let names = (tenant.as_str(), collection.as_str(), after, limit);
            read_rows(&mut statement, names, |row| {
                let id: String = row.get(0).map_err(sql_error)?;
                id.parse::<DocumentId>().map_err(corrupt)
            })
        };
        self.database.read(attempted, read).await
    }
}

/// Reads a row of `SELECT_UNSETTLED`.
fn read_unsettled(row: &Row<'_>) -> Result<UnsettledDocument, PortError> {
    let key = read_key(row)?;
    let since = Timestamp::from_millis(row.get(3).map_err(sql_error)?);
    let version = Version::new(row.get(2).map_err(sql_error)?);
    Ok(UnsettledDocument { place: UnsettledPlace { since, key }, version })
}

/// What an append stores, encoded before the writer thread sees it.
struct EventRows {
    envelopes: Vec<String>,
    snapshot: Option<String>,
}

impl EventRows {
    fn encode(append: &Append) -> Result<Self, serde_json::Error> {
        let envelopes = append.events.iter().map(serde_json::to_string).collect::<Result<_, _>>()?;
        let snapshot = append.snapshot.as_ref().map(serde_json::to_string).transpose()?;
        Ok(Self { envelopes, snapshot })
    }
}

/// Writes everything of an append, or fails and leaves it to the savepoint. Gives the last journal position.
fn write_append(connection: &Connection, append: &Append, rows: &EventRows) -> Result<i64, PortError> {
    if let (Some((claim, result)), Some(last)) = (&append.completes, append.events.last()) {
        complete_claim(connection, claim, result, last.time)?;
    }
    if !replace_head(connection, &append.key, append.expected, &append.head)? {
        return Err(PortError::new(ErrorKind::Conflict, ""));
    }
    let (tenant, document) = (append.key.tenant_id.as_str(), append.key.document_id.to_string());
    let mut insert = connection
        .prepare_cached("INSERT INTO events (tenant, document, sequence, envelope) VALUES (?1, ?2, ?3, ?4)")
        .map_err(sql_error)?;
    for (event, envelope) in append.events.iter().zip(&rows.envelopes) {
        insert.execute((tenant, &document, event.sequence.get(), envelope)).map_err(sql_error)?;
    }
    let position = connection.last_insert_rowid();
    if let Some(state) = &rows.snapshot {
        connection
            .prepare_cached(
                "INSERT OR REPLACE INTO snapshots (tenant, document, version, state) VALUES (?1, ?2, ?3, ?4)",
            )
            .and_then(|mut replace| replace.execute((tenant, &document, append.head.version.get(), state)))
            .map_err(sql_error)?;
    }
    Ok(position)
}

fn load(connection: &Connection, key: &DocumentKey) -> Result<Option<History>, PortError> {
    let Some(version) = version_of(connection, key)? else { return Ok(None) };
    let snapshot = read_snapshot(connection, key)?;
    let after = snapshot.as_ref().map_or(Version::NONE, |document| document.version);
    let events = read_events(connection, key, after, None)?;
    if after.get() + events.len() as u64 != version.get() {
        return Err(corrupt("the history does not reach the version of its head"));
    }
    Ok(Some(History { snapshot, events }))
}

fn version_of(connection: &Connection, key: &DocumentKey) -> Result<Option<Version>, PortError> {
    connection
        .prepare_cached("SELECT version FROM heads WHERE tenant = ?1 AND document = ?2")
        .and_then(|mut select| {
            select
                .query_row((key.tenant_id.as_str(), key.document_id.to_string()), |row| row.get(0))
                .optional()
        })
        .map(|version| version.map(Version::new))
        .map_err(sql_error)
}

/// The snapshot, unless another release wrote it in a shape this one cannot read: it only saves time, the events say
/// the same.
fn read_snapshot(connection: &Connection, key: &DocumentKey) -> Result<Option<Document>, PortError> {
    let stored: Option<String> = connection
        .prepare_cached("SELECT state FROM snapshots WHERE tenant = ?1 AND document = ?2")
        .and_then(|mut select| {
            select
                .query_row((key.tenant_id.as_str(), key.document_id.to_string()), |row| row.get(0))
                .optional()
        })
        .map_err(sql_error)?;
    Ok(stored.and_then(|state| match serde_json::from_str(&state) {
        Ok(document) => Some(document),
        Err(error) => {
            tracing::warn!(document.id = %key.document_id, %error, "a snapshot is unreadable; folding all events");
            None
        }
    }))
}

fn read_events(
    connection: &Connection,
    key: &DocumentKey,
    after: Version,
    limit: Option<usize>,
) -> Result<Vec<EventEnvelope>, PortError> {
    let mut select = connection
        .prepare_cached(
            "SELECT sequence, envelope FROM events WHERE tenant = ?1 AND document = ?2 AND sequence > ?3 \
             ORDER BY sequence LIMIT ?4",
        )
        .map_err(sql_error)?;
    // SQLite takes a negative limit for none.
    let limit = limit.map_or(-1, |limit| i64::try_from(limit).unwrap_or(i64::MAX));
    let names = (key.tenant_id.as_str(), key.document_id.to_string(), after.get(), limit);
    let mut rows = select.query(names).map_err(sql_error)?;
    let mut events: Vec<EventEnvelope> = Vec::new();
    let mut expected = after.next();
    while let Some(row) = rows.next().map_err(sql_error)? {
        let sequence = Version::new(row.get(0).map_err(sql_error)?);
        let event = decode_event(row.get_ref(1).and_then(|text| Ok(text.as_str()?)).map_err(sql_error)?)?;
        if sequence != expected || event.sequence != expected {
            return Err(corrupt(format!("event {expected} is missing from the history")));
        }
        expected = expected.next();
        events.push(event);
    }
    Ok(events)
}

/// Reads a stored event of any release.
pub(crate) fn decode_event(envelope: &str) -> Result<EventEnvelope, PortError> {
    serde_json::from_str(envelope).map_err(corrupt)
}
