//! Completing a claim, as the ledger does it and as an append does it in its own transaction.

use millrace_domain::Timestamp;
use millrace_ports::{Claim, ErrorKind, PortError};
use rusqlite::Connection;

use crate::database::sql_error;

/// Notes the result of a step if the claim is still its owner's; an expired one is, until somebody takes it over.
/// A step that its owner completed before keeps its first result.
pub(crate) fn complete_claim(
    connection: &Connection,
    claim: &Claim,
    result: &str,
    at: Timestamp,
) -> Result<(), PortError> {
    let changed = connection
        .prepare_cached(
            "UPDATE ledger SET \
             forget_at = CASE WHEN result IS NULL THEN ?3 + remember_ms ELSE forget_at END, \
             result = coalesce(result, ?4) \
             WHERE step = ?1 AND owner = ?2",
        )
        .and_then(|mut update| {
            update.execute((claim.step.as_str(), claim.owner.to_string(), at.as_millis(), result))
        })
        .map_err(sql_error)?;
    if changed == 1 { Ok(()) } else { Err(PortError::new(ErrorKind::ClaimLost, "")) }
}
