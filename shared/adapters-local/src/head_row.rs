//! How a document's head lies in the `heads` table. One codec for everybody who reads or writes that row.

use millrace_domain::{
    CollectionName, DocumentHead, DocumentId, DocumentKey, Generation, Publication, Status, TenantId,
    Timestamp, UploadId, Version,
};
use millrace_ports::PortError;
use rusqlite::{Connection, Row};

use crate::database::{corrupt, sql_error};

/// The columns that `read_head` expects, in its order.
pub(crate) const HEAD_COLUMNS: &str = "tenant, document, version, collection, status, \
     published_generation, published_upload, published_vectors, unsettled_since";

const INSERT: &str = "INSERT INTO heads (tenant, document, version, collection, status, published_generation, \
     published_upload, published_vectors, unsettled_since) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) \
     ON CONFLICT DO NOTHING";
const UPDATE: &str = "UPDATE heads SET version = ?3, collection = ?4, status = ?5, published_generation = ?6, \
     published_upload = ?7, published_vectors = ?8, unsettled_since = ?9 \
     WHERE tenant = ?1 AND document = ?2 AND version = ?10";

/// Replaces the head if its version is `expected`; whether it was.
pub(crate) fn replace_head(
    connection: &Connection,
    key: &DocumentKey,
    expected: Version,
    head: &DocumentHead,
) -> Result<bool, PortError> {
    let (tenant, document) = (key.tenant_id.as_str(), key.document_id.to_string());
    let published = head.published;
    let columns = (
        tenant,
        document,
        head.version.get(),
        head.collection.as_str(),
        head.status.as_str(),
        published.map(|p| p.generation.get()),
        published.map(|p| p.upload_id.to_string()),
        published.map(|p| p.vectors),
        head.unsettled_since.map(Timestamp::as_millis),
    );
    let changed = if expected == Version::NONE {
        connection.prepare_cached(INSERT).and_then(|mut insert| insert.execute(columns))
    } else {
        let (a, b, c, d, e, f, g, h, i) = columns;
        connection
            .prepare_cached(UPDATE)
            .and_then(|mut update| update.execute((a, b, c, d, e, f, g, h, i, expected.get())))
    };
    Ok(changed.map_err(sql_error)? == 1)
}

/// Reads a row of `HEAD_COLUMNS`.
pub(crate) fn read_head(row: &Row<'_>) -> Result<(DocumentKey, DocumentHead), PortError> {
    let key = read_key(row)?;
    let collection: String = row.get(3).map_err(sql_error)?;
    let status: String = row.get(4).map_err(sql_error)?;
    let head = DocumentHead {
        version: Version::new(row.get(2).map_err(sql_error)?),
        collection: CollectionName::new(collection).map_err(corrupt)?,
        status: status_named(&status)?,
        published: read_publication(row)?,
        unsettled_since: row.get::<_, Option<i64>>(8).map_err(sql_error)?.map(Timestamp::from_millis),
    };
    Ok((key, head))
}

/// Reads whose row it is, from its first two columns.
pub(crate) fn read_key(row: &Row<'_>) -> Result<DocumentKey, PortError> {
    let tenant: String = row.get(0).map_err(sql_error)?;
    let document: String = row.get(1).map_err(sql_error)?;
    Ok(DocumentKey {
        tenant_id: TenantId::new(tenant).map_err(corrupt)?,
        document_id: document.parse::<DocumentId>().map_err(corrupt)?,
    })
}

fn read_publication(row: &Row<'_>) -> Result<Option<Publication>, PortError> {
    let Some(generation) = row.get::<_, Option<u32>>(5).map_err(sql_error)? else { return Ok(None) };
    let upload: String = row.get(6).map_err(sql_error)?;
    Ok(Some(Publication {
        generation: Generation::new(generation),
        upload_id: upload.parse::<UploadId>().map_err(corrupt)?,
        vectors: row.get(7).map_err(sql_error)?,
    }))
}

/// The status with this name.
pub(crate) fn status_named(name: &str) -> Result<Status, PortError> {
    let known = Status::ALL.into_iter().find(|status| status.as_str() == name);
    known.ok_or_else(|| corrupt(format!("unknown status {name:?}")))
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use millrace_test_support::strategies::{document_key, head};
    use proptest::prelude::*;

    use super::*;
    use crate::Database;
    use crate::database::read_row;

    fn only_head(connection: &Connection) -> Result<Option<(DocumentKey, DocumentHead)>, PortError> {
        let mut select =
            connection.prepare(&format!("SELECT {HEAD_COLUMNS} FROM heads")).map_err(sql_error)?;
        read_row(&mut select, [], read_head)
    }

    proptest! {
        #[test]
        fn a_head_reads_back_as_written(key in document_key(), first in head(), second in head()) {
            let database = Database::open_in_memory().unwrap();
            let wanted = (key.clone(), second.clone());
            let write = database.write("write a head", move |connection| {
                assert!(replace_head(connection, &key, Version::NONE, &first)?);
                assert!(!replace_head(connection, &key, Version::NONE, &second)?);
                assert_eq!(only_head(connection)?, Some((key.clone(), first.clone())));
                assert!(replace_head(connection, &key, first.version, &second)?);
                only_head(connection)
            });
            // In memory the closure runs in the first poll.
            let read = write.now_or_never().unwrap().unwrap();
            prop_assert_eq!(read, Some(wanted));
        }
    }
}
