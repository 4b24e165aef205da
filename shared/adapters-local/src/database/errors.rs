//! Turns SQLite's errors into the kinds that callers of a port act on. `attempted` stays empty here: the database
//! fills in what its caller said it was doing.

use std::io;

use millrace_ports::{Cause, ErrorKind, PortError};
use rusqlite::ErrorCode;

/// Maps an error of SQLite, for `?` in the closures given to the database.
pub fn sql_error(error: rusqlite::Error) -> PortError {
    let kind = kind_of(&error);
    if error.sqlite_error_code() == Some(ErrorCode::DiskFull) {
        // In the words of files, which whoever answers a client knows.
        return PortError::caused(kind, "", io::Error::new(io::ErrorKind::StorageFull, error));
    }
    PortError::caused(kind, "", error)
}

/// What is stored cannot be read, for `?` in the closures given to the database.
pub fn corrupt(cause: impl Into<Cause>) -> PortError {
    PortError::caused(ErrorKind::Corrupt, "", cause)
}

/// The change may not have been kept, though its closure succeeded.
pub(super) fn not_committed(cause: &str) -> PortError {
    PortError::caused(ErrorKind::Unavailable, "", cause.to_owned())
}

/// A closure panicked: a bug, but one that must stay with its own message. `Unavailable`, because attempts at a
/// message are bounded and the next release may do better, whereas `Invalid` would fail the document for good.
pub(super) fn panicked(payload: &(dyn std::any::Any + Send)) -> PortError {
    let text = payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned());
    PortError::caused(ErrorKind::Unavailable, "", format!("the database closure panicked: {text}"))
}

/// Names what was attempted, unless the closure said it more exactly.
pub(crate) fn named(mut error: PortError, attempted: &str) -> PortError {
    if error.attempted.is_empty() {
        error.attempted = attempted.to_owned();
    }
    error
}

fn kind_of(error: &rusqlite::Error) -> ErrorKind {
    let code = match error {
        rusqlite::Error::SqliteFailure(failure, _) => failure.code,
        rusqlite::Error::FromSqlConversionFailure(..)
        | rusqlite::Error::InvalidColumnType(..)
        | rusqlite::Error::IntegralValueOutOfRange(..)
        | rusqlite::Error::Utf8Error(..) => return ErrorKind::Corrupt,
        rusqlite::Error::QueryReturnedNoRows => return ErrorKind::NotFound,
        // Wrong SQL or parameters, values that do not fit: nothing that another attempt would cure.
        _ => return ErrorKind::Invalid,
    };
    match code {
        ErrorCode::DatabaseBusy
        | ErrorCode::DatabaseLocked
        | ErrorCode::SystemIoFailure
        | ErrorCode::DiskFull
        | ErrorCode::CannotOpen
        | ErrorCode::OutOfMemory
        | ErrorCode::OperationAborted
        | ErrorCode::OperationInterrupted
        | ErrorCode::FileLockingProtocolFailed
        | ErrorCode::SchemaChanged
        | ErrorCode::PermissionDenied
        | ErrorCode::ReadOnly => ErrorKind::Unavailable,
        ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => ErrorKind::Corrupt,
        ErrorCode::ConstraintViolation => ErrorKind::Conflict,
        _ => ErrorKind::Invalid,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::ffi;

    fn kind(code: i32) -> ErrorKind {
        sql_error(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None)).kind
    }

    #[test]
    fn each_failure_of_sqlite_has_the_kind_its_caller_can_act_on() {
        for code in [ffi::SQLITE_BUSY, ffi::SQLITE_LOCKED, ffi::SQLITE_IOERR_FSYNC, ffi::SQLITE_FULL] {
            assert_eq!(kind(code), ErrorKind::Unavailable, "code {code}");
        }
        for code in [ffi::SQLITE_CORRUPT, ffi::SQLITE_NOTADB] {
            assert_eq!(kind(code), ErrorKind::Corrupt, "code {code}");
        }
        assert_eq!(kind(ffi::SQLITE_CONSTRAINT_PRIMARYKEY), ErrorKind::Conflict);
        assert_eq!(kind(ffi::SQLITE_TOOBIG), ErrorKind::Invalid);
    }
}
