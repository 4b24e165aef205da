//! Documents as lists and statistics see them, in SQLite. Projecting events into them is the projector's work.

use async_trait::async_trait;
use millrace_domain::{CollectionName, Document, DocumentId, DocumentKey, Status, TenantId};
use millrace_ports::{
    DocumentView, ErrorKind, ListQuery, PAGE_LIMIT_MAX, Page, PortError, ReadModel, ViewCount,
};
use rusqlite::{Connection, OptionalExtension, named_params};

use crate::database::{Database, corrupt, read_rows, sql_error};
use crate::head_row::status_named;

/// Views stored in one write; more are stored in several.
const SAVE_SLICE: usize = 200;

/// The read model of a single node.
#[derive(Debug)]
pub struct SqliteReadModel {
    database: Database,
}

impl SqliteReadModel {
    /// A read model in the database.
    pub fn new(database: Database) -> Self {
        Self { database }
    }
}

#[async_trait]
impl ReadModel for SqliteReadModel {
    async fn get(&self, key: &DocumentKey) -> Result<Option<DocumentView>, PortError> {
        let key = key.clone();
        let read = move |connection: &Connection| {
            let state: Option<String> = connection
                .prepare_cached("SELECT state FROM views WHERE tenant = ?1 AND document = ?2")
                .and_then(|mut select| {
                    let names = (key.tenant_id.as_str(), key.document_id.to_string());
                    select.query_row(names, |row| row.get(0)).optional()
                })
                .map_err(sql_error)?;
            state.map(|state| Ok(DocumentView { key, document: decode(&state)? })).transpose()
        };
        self.database.read("read a document's view", read).await
    }

    async fn save(&self, views: &[DocumentView]) -> Result<(), PortError> {
        for slice in views.chunks(SAVE_SLICE) {
            let rows = slice.iter().map(ViewRow::encode).collect::<Result<Vec<_>, _>>()?;
            let write = move |connection: &Connection| rows.iter().try_for_each(|row| row.store(connection));
            self.database.write_bulk(format!("save {} views", slice.len()), write).await?;
        }
        Ok(())
    }

    async fn list(&self, query: &ListQuery) -> Result<Page, PortError> {
        let query = query.clone();
        self.database.read("list documents", move |connection| list(connection, &query)).await
    }

    async fn counts(&self, tenant: &TenantId) -> Result<Vec<ViewCount>, PortError> {
        let tenant = tenant.clone();
        self.database.read("count documents", move |connection| counts(connection, &tenant)).await
    }
}

/// A view, encoded before the writer thread sees it.
struct ViewRow {
    tenant: String,
    document: String,
    version: u64,
    collection: String,
    status: &'static str,
    label: Option<String>,
    chunks: u32,
    bytes: u64,
    state: String,
}

impl ViewRow {
    fn encode(view: &DocumentView) -> Result<Self, PortError> {
        let document = &view.document;
        let state = serde_json::to_string(document).map_err(|error| {
            PortError::caused(ErrorKind::Invalid, format!("save the view of {}", view.key.document_id), error)
        })?;
        // A deleted document holds nothing any more.
        let held = document.status != Status::Deleted;
        Ok(Self {
            tenant: view.key.tenant_id.to_string(),
            document: view.key.document_id.to_string(),
            version: document.version.get(),
            collection: document.collection.to_string(),
            status: document.status.as_str(),
            label: document.classification.as_ref().map(|verdict| verdict.label.clone()),
            chunks: document.plan.filter(|_| held).map_or(0, |plan| plan.chunks),
            bytes: if held { document.size_bytes.get() } else { 0 },
            state,
        })
    }

    fn store(&self, connection: &Connection) -> Result<(), PortError> {
        connection
            .prepare_cached(
                "INSERT INTO views (tenant, document, version, collection, status, label, chunks, bytes, state) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) \
                 ON CONFLICT (tenant, document) DO UPDATE SET version = excluded.version, \
                 collection = excluded.collection, status = excluded.status, label = excluded.label, \
                 chunks = excluded.chunks, bytes = excluded.bytes, state = excluded.state \
                 WHERE excluded.version > views.version",
            )
            .and_then(|mut upsert| {
                upsert.execute((
                    &self.tenant,
                    &self.document,
                    self.version,
                    &self.collection,
                    self.status,
                    &self.label,
                    self.chunks,
                    self.bytes,
                    &self.state,
                ))
            })
            .map(drop)
            .map_err(sql_error)
    }
}

fn decode(state: &str) -> Result<Document, PortError> {
    serde_json::from_str(state).map_err(corrupt)
}

fn list(connection: &Connection, query: &ListQuery) -> Result<Page, PortError> {
    let limit = query.limit.clamp(1, PAGE_LIMIT_MAX);
    // Only the conditions that are asked for, so that the planner takes the index of each combination. The other
    // parameters are mentioned, because SQLite counts them, in a way that costs nothing.
    let select = format!(
        "SELECT document, state FROM views WHERE tenant = :tenant{}{}{}{} ORDER BY document DESC LIMIT :limit",
        if query.collection.is_some() { " AND collection = :collection" } else { "" },
        if query.status.is_some() {
            " AND status = :status"
        } else {
            " AND status NOT IN ('deleting', 'deleted')"
        },
        if query.label.is_some() { " AND label = :label" } else { "" },
        if query.after.is_some() { " AND document < :after" } else { "" },
    );
    let mut select = connection.prepare_cached(&select).map_err(sql_error)?;
    let after = query.after.map(|id| id.to_string());
    let conditions = named_params! {
        ":tenant": query.tenant_id.as_str(),
        ":limit": limit + 1,
        ":collection": query.collection.as_ref().map(CollectionName::as_str),
        ":status": query.status.map(Status::as_str),
        ":label": query.label,
        ":after": after,
    };
    for (name, value) in conditions {
        if let Some(index) = select.parameter_index(name).map_err(sql_error)? {
            select.raw_bind_parameter(index, value).map_err(sql_error)?;
        }
    }
    let mut rows = select.raw_query();
    let mut views = Vec::with_capacity(limit + 1);
    while let Some(row) = rows.next().map_err(sql_error)? {
        let document: String = row.get(0).map_err(sql_error)?;
        let state: String = row.get(1).map_err(sql_error)?;
        let document_id: DocumentId = document.parse().map_err(corrupt)?;
        let key = DocumentKey { tenant_id: query.tenant_id.clone(), document_id };
        views.push(DocumentView { key, document: decode(&state)? });
    }
    let more = views.len() > limit;
    views.truncate(limit);
    let next = views.last().filter(|_| more).map(|view| view.key.document_id);
    Ok(Page { views, next })
}

fn counts(connection: &Connection, tenant: &TenantId) -> Result<Vec<ViewCount>, PortError> {
    let mut select = connection
        .prepare_cached(
            "SELECT collection, status, count(*), sum(chunks), sum(bytes) FROM views WHERE tenant = ?1 \
             GROUP BY collection, status ORDER BY collection, status",
        )
        .map_err(sql_error)?;
    read_rows(&mut select, [tenant.as_str()], |row| {
        let collection: String = row.get(0).map_err(sql_error)?;
        let status: String = row.get(1).map_err(sql_error)?;
        Ok(ViewCount {
            collection: CollectionName::new(collection).map_err(corrupt)?,
            status: status_named(&status)?,
            documents: row.get(2).map_err(sql_error)?,
            chunks: row.get(3).map_err(sql_error)?,
            bytes: row.get(4).map_err(sql_error)?,
        })
    })
}
