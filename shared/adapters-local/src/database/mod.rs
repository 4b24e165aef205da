//! The one SQLite database of a single node: one writer thread that commits in groups, a few readers, migrations.
//! What the tables mean is the business of the adapters that use it; no SQL of theirs is here.

mod checkpoint;
mod connection;
mod errors;
mod handle;
mod migrations;
mod readers;
mod rows;
mod transaction;
mod writer;

pub(crate) use errors::named;
pub use errors::{corrupt, sql_error};
pub use handle::{Database, DatabaseOptions};
pub use migrations::FORMAT_VERSION;
pub(crate) use rows::{read_row, read_rows};
