//! Reading all rows of a query with a decoder that has errors of its own, which rusqlite's iterators do not take.

use millrace_ports::PortError;
use rusqlite::{Params, Row, Statement};

use super::errors::sql_error;

/// Decodes every row, or stops at the first that cannot be.
pub(crate) fn read_rows<T>(
    statement: &mut Statement<'_>,
    parameters: impl Params,
    mut decode: impl FnMut(&Row<'_>) -> Result<T, PortError>,
) -> Result<Vec<T>, PortError> {
    let mut rows = statement.query(parameters).map_err(sql_error)?;
    let mut decoded = Vec::new();
    while let Some(row) = rows.next().map_err(sql_error)? {
        decoded.push(decode(row)?);
    }
    Ok(decoded)
}

/// Decodes the only row, if there is one.
pub(crate) fn read_row<T>(
    statement: &mut Statement<'_>,
    parameters: impl Params,
    decode: impl FnOnce(&Row<'_>) -> Result<T, PortError>,
) -> Result<Option<T>, PortError> {
    let mut rows = statement.query(parameters).map_err(sql_error)?;
    rows.next().map_err(sql_error)?.map(decode).transpose()
}
