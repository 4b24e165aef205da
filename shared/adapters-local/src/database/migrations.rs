//! The format of the database and the way from an older one to it. A migration that was released is never edited:
//! the next one is added after it.

use millrace_ports::{ErrorKind, PortError};
use rusqlite::Connection;

use super::errors::sql_error;

/// The format this release writes.
pub const FORMAT_VERSION: u32 = 4;

/// What each format adds to the one before.
const MIGRATIONS: [&[&str]; FORMAT_VERSION as usize] = [
    &[
        include_str!("../schema/journal.sql"),
        include_str!("../schema/queue.sql"),
        include_str!("../schema/views.sql"),
        include_str!("../schema/settings.sql"),
        include_str!("../schema/search.sql"),
        include_str!("../schema/blobs.sql"),
    ],
    &[include_str!("../schema/upload_urls.sql"), include_str!("../schema/cached_vectors.sql")],
    &[include_str!("../schema/reembedding.sql")],
    &[include_str!("../schema/heads_by_collection.sql")],
];

/// Brings the database to this release's format, in one transaction. One of a newer format is refused untouched.
pub(super) fn migrate(connection: &Connection) -> Result<(), PortError> {
    let found: u32 =
        connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(sql_error)?;
    if found > FORMAT_VERSION {
        let reason = format!(
            "the database has format {found}, this release reads up to {FORMAT_VERSION}: use the newer release"
        );
        return Err(PortError::caused(ErrorKind::Invalid, "", reason));
    }
    if found == FORMAT_VERSION {
        return Ok(());
    }
    apply_from(connection, found).map_err(sql_error)
}

fn apply_from(connection: &Connection, found: u32) -> rusqlite::Result<()> {
    let transaction = connection.unchecked_transaction()?;
    for script in MIGRATIONS.iter().skip(found as usize).copied().flatten() {
        transaction.execute_batch(script)?;
    }
    transaction.pragma_update(None, "user_version", FORMAT_VERSION)?;
    transaction.commit()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_format_is_refused() {
        let connection = Connection::open_in_memory().unwrap();
        connection.pragma_update(None, "user_version", FORMAT_VERSION + 1).unwrap();
        let refusal = migrate(&connection).unwrap_err();
        assert_eq!(refusal.kind, ErrorKind::Invalid);
        let tables: u32 =
            connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).unwrap();
        assert_eq!(tables, 0);
    }

    #[test]
    fn contents_of_the_first_format_get_their_ending() {
        let connection = Connection::open_in_memory().unwrap();
        for script in MIGRATIONS[0] {
            connection.execute_batch(script).unwrap();
        }
        connection.pragma_update(None, "user_version", 1).unwrap();
        let insert = "INSERT INTO small_blobs (key, content, written_at) VALUES (?1, x'00', 0)";
        for key in ["acme/d/source-u", "acme/d/text-1"] {
            connection.execute(insert, [key]).unwrap();
        }
        migrate(&connection).unwrap();
        let mut statement = connection.prepare("SELECT key FROM small_blobs ORDER BY key").unwrap();
        let keys: Vec<String> =
            statement.query_map([], |row| row.get(0)).unwrap().collect::<rusqlite::Result<_>>().unwrap();
        assert_eq!(keys, ["acme/d/source-u.content", "acme/d/text-1"]);
    }

    #[test]
    fn migrating_twice_changes_nothing() {
        let connection = Connection::open_in_memory().unwrap();
        migrate(&connection).unwrap();
        migrate(&connection).unwrap();
        let found: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
        assert_eq!(found, FORMAT_VERSION);
    }
}
