//! Collections and API keys in SQLite. Making and checking secrets is not done here; only their hashes arrive.

use async_trait::async_trait;
use millrace_domain::{CollectionName, ContentHash, ModelId, TenantId, Timestamp};
use millrace_ports::{ApiKey, ApiKeyStore, Collection, CollectionStore, PortError};
use rusqlite::{Connection, Row};

use crate::database::{Database, corrupt, read_row, sql_error};

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
            connection
                .prepare_cached(
                    "INSERT INTO collections (tenant, name, model, dimensions, created_at) \
                     VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
                )
                .and_then(|mut insert| {
                    insert.execute((
                        wanted.tenant_id.as_str(),
                        wanted.name.as_str(),
                        wanted.model.as_str(),
                        wanted.dimensions,
                        wanted.created_at.as_millis(),
                    ))
                })
                .map_err(sql_error)?;
            let stored = collection(connection, &wanted.tenant_id, &wanted.name)?;
            stored.ok_or_else(|| corrupt("the collection is absent after its creation"))
        };
        self.database.write("create a collection", write).await
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
    let mut select = connection
        .prepare_cached(
            "SELECT tenant, name, model, dimensions, created_at FROM collections WHERE tenant = ?1 AND name = ?2",
        )
        .map_err(sql_error)?;
    read_row(&mut select, (tenant.as_str(), name.as_str()), read_collection)
}

fn read_collection(row: &Row<'_>) -> Result<Collection, PortError> {
    Ok(Collection {
        tenant_id: TenantId::new(row.get::<_, String>(0).map_err(sql_error)?).map_err(corrupt)?,
        name: CollectionName::new(row.get::<_, String>(1).map_err(sql_error)?).map_err(corrupt)?,
        model: ModelId::new(row.get::<_, String>(2).map_err(sql_error)?).map_err(corrupt)?,
        dimensions: row.get(3).map_err(sql_error)?,
        created_at: Timestamp::from_millis(row.get(4).map_err(sql_error)?),
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
