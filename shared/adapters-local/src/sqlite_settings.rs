//! Collections and API keys in SQLite. Making and checking secrets is not done here; only their hashes arrive.

use async_trait::async_trait;
use millrace_domain::{
    Collection, CollectionName, ContentHash, IndexSpace, ModelId, Reembedding, Revision, TenantId, Timestamp,
};
use millrace_ports::{
    ApiKey, ApiKeyStore, COLLECTIONS_PAGE_MAX, CollectionPage, CollectionStore, ErrorKind, PortError,
};
use rusqlite::{Connection, Row, params};

use crate::database::{Database, corrupt, read_row, read_rows, sql_error};

/// The columns of a collection, as `read_collection` takes them.
const COLLECTION: &str =
    "tenant, name, model, dimensions, created_at, space, revision, reembedding, last_reembedding";

/// The settings of a single node.
#[derive(Debug)]
pub struct SqliteSettings {
    database: Database,
}

impl SqliteSettings {
    /// Settings in the database.
    pub fn new(database: Database) -> Self {
        Self { database }
    }
}

#[async_trait]
impl CollectionStore for SqliteSettings {
    async fn get(&self, tenant: &TenantId, name: &CollectionName) -> Result<Option<Collection>, PortError> {
        let attempted = format!("read collection {name}");
        let (tenant, name) = (tenant.clone(), name.clone());
        self.database.read(attempted, move |connection| collection(connection, &tenant, &name)).await
    }

    async fn create_if_absent(&self, wanted: Collection) -> Result<Collection, PortError> {
        let write = move |connection: &Connection| {
            insert(connection, &wanted)?;
            let stored = collection(connection, &wanted.tenant_id, &wanted.name)?;
            stored.ok_or_else(|| corrupt("the collection is absent after its creation"))
        };
        self.database.write("create a collection", write).await
    }

    async fn replace(&self, changed: Collection) -> Result<Collection, PortError> {
        let attempted = format!("change collection {}", changed.name);
        let refused = attempted.clone();
        let write = move |connection: &Connection| {
            let next = Collection { revision: changed.revision.next(), ..changed };
            if update(connection, &next, changed.revision)? {
                return Ok(next);
            }
            let found = collection(connection, &next.tenant_id, &next.name)?;
            let kind = if found.is_some() { ErrorKind::Conflict } else { ErrorKind::NotFound };
            Err(PortError::new(kind, refused))
        };
        self.database.write(attempted, write).await
    }

    async fn list(
        &self,
        tenant: &TenantId,
        after: Option<&CollectionName>,
        limit: usize,
    ) -> Result<CollectionPage, PortError> {
        let (tenant, after) = (tenant.clone(), after.map_or(String::new(), ToString::to_string));
        let limit = limit.clamp(1, COLLECTIONS_PAGE_MAX);
        let read = move |connection: &Connection| {
            let select = format!(
                "SELECT {COLLECTION} FROM collections WHERE tenant = ?1 AND name > ?2 ORDER BY name LIMIT ?3"
            );
            let mut select = connection.prepare_cached(&select).map_err(sql_error)?;
            let values = params![tenant.as_str(), after, limit as i64 + 1];
            let mut collections = read_rows(&mut select, values, read_collection)?;
            let more = collections.len() > limit;
            collections.truncate(limit);
            let next = collections.last().filter(|_| more).map(|last| last.name.clone());
            Ok(CollectionPage { collections, next })
        };
        self.database.read("list collections", read).await
    }

    async fn under_reembedding(&self, limit: usize) -> Result<Vec<(TenantId, CollectionName)>, PortError> {
        let read = move |connection: &Connection| {
            let mut select = connection
                .prepare_cached(
                    "SELECT tenant, name FROM collections WHERE reembedding IS NOT NULL ORDER BY tenant, name LIMIT ?1",
                )
                .map_err(sql_error)?;
            read_rows(&mut select, [limit as i64], |row| Ok((read_tenant(row, 0)?, read_name(row, 1)?)))
        };
        self.database.read("list collections that are being re-embedded", read).await
    }
}

#[async_trait]
impl ApiKeyStore for SqliteSettings {
    async fn find(&self, secret_sha256: &ContentHash) -> Result<Option<ApiKey>, PortError> {
        let hash = secret_sha256.clone();
        let read = move |connection: &Connection| {
            let mut select = connection
                .prepare_cached(
                    "SELECT secret_sha256, tenant, label, created_at FROM api_keys WHERE secret_sha256 = ?1",
                )
                .map_err(sql_error)?;
            read_row(&mut select, [hash.as_str()], read_api_key)
        };
        self.database.read("look up an API key", read).await
    }

    async fn create(&self, key: ApiKey) -> Result<(), PortError> {
        let write = move |connection: &Connection| {
            connection
                .prepare_cached(
                    "INSERT INTO api_keys (secret_sha256, tenant, label, created_at) VALUES (?1, ?2, ?3, ?4)",
                )
                .and_then(|mut insert| {
                    insert.execute((
                        key.secret_sha256.as_str(),
                        key.tenant_id.as_str(),
                        &key.label,
                        key.created_at.as_millis(),
                    ))
                })
                .map(drop)
                .map_err(sql_error)
        };
        self.database.write("store an API key", write).await
    }
}

fn collection(
    connection: &Connection,
    tenant: &TenantId,
    name: &CollectionName,
) -> Result<Option<Collection>, PortError> {
    let select = format!("SELECT {COLLECTION} FROM collections WHERE tenant = ?1 AND name = ?2");
    let mut select = connection.prepare_cached(&select).map_err(sql_error)?;
    read_row(&mut select, (tenant.as_str(), name.as_str()), read_collection)
}

fn insert(connection: &Connection, new: &Collection) -> Result<(), PortError> {
    let insert = format!(
        "INSERT INTO collections ({COLLECTION}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT DO NOTHING"
    );
    let values = params![
        new.tenant_id.as_str(),
        new.name.as_str(),
        new.model.as_str(),
        new.dimensions,
        new.created_at.as_millis(),
        new.space.get(),
        new.revision.get(),
        saga_text(new.reembedding.as_ref())?,
        saga_text(new.last_reembedding.as_ref())?,
    ];
    connection.prepare_cached(&insert).and_then(|mut insert| insert.execute(values)).map_err(sql_error)?;
    Ok(())
}

/// Writes what may change of a collection, and says whether it had the revision.
fn update(connection: &Connection, next: &Collection, expected: Revision) -> Result<bool, PortError> {
    let values = params![
        next.tenant_id.as_str(),
        next.name.as_str(),
        expected.get(),
        next.model.as_str(),
        next.dimensions,
        next.space.get(),
        next.revision.get(),
        saga_text(next.reembedding.as_ref())?,
        saga_text(next.last_reembedding.as_ref())?,
    ];
    let changed = connection
        .prepare_cached(
            "UPDATE collections SET model = ?4, dimensions = ?5, space = ?6, revision = ?7, reembedding = ?8, \
             last_reembedding = ?9 WHERE tenant = ?1 AND name = ?2 AND revision = ?3",
        )
        .and_then(|mut update| update.execute(values))
        .map_err(sql_error)?;
    Ok(changed == 1)
}

fn saga_text(saga: Option<&Reembedding>) -> Result<Option<String>, PortError> {
    saga.map(serde_json::to_string).transpose().map_err(corrupt)
}

fn read_saga(row: &Row<'_>, column: usize) -> Result<Option<Reembedding>, PortError> {
    let text: Option<String> = row.get(column).map_err(sql_error)?;
    text.map(|text| serde_json::from_str(&text)).transpose().map_err(corrupt)
}

fn read_tenant(row: &Row<'_>, column: usize) -> Result<TenantId, PortError> {
    TenantId::new(row.get::<_, String>(column).map_err(sql_error)?).map_err(corrupt)
}

fn read_name(row: &Row<'_>, column: usize) -> Result<CollectionName, PortError> {
    CollectionName::new(row.get::<_, String>(column).map_err(sql_error)?).map_err(corrupt)
}

fn read_collection(row: &Row<'_>) -> Result<Collection, PortError> {
    Ok(Collection {
        tenant_id: read_tenant(row, 0)?,
        name: read_name(row, 1)?,
        model: ModelId::new(row.get::<_, String>(2).map_err(sql_error)?).map_err(corrupt)?,
        dimensions: row.get(3).map_err(sql_error)?,
        created_at: Timestamp::from_millis(row.get(4).map_err(sql_error)?),
        space: IndexSpace::new(row.get(5).map_err(sql_error)?),
        revision: Revision::new(row.get(6).map_err(sql_error)?),
        reembedding: read_saga(row, 7)?,
        last_reembedding: read_saga(row, 8)?,
    })
}

fn read_api_key(row: &Row<'_>) -> Result<ApiKey, PortError> {
    Ok(ApiKey {
        secret_sha256: ContentHash::try_from(row.get::<_, String>(0).map_err(sql_error)?).map_err(corrupt)?,
        tenant_id: TenantId::new(row.get::<_, String>(1).map_err(sql_error)?).map_err(corrupt)?,
        label: row.get(2).map_err(sql_error)?,
        created_at: Timestamp::from_millis(row.get(3).map_err(sql_error)?),
    })
}
