//! Claims on steps in SQLite. Renewing leases in time and deciding what to do when one is lost is the workers'.

use std::sync::Arc;

use async_trait::async_trait;
use millrace_domain::Timestamp;
use millrace_ports::{Claim, ClaimOutcome, ClaimRequest, Clock, ErrorKind, JobLedger, PortError};
use rusqlite::{Connection, OptionalExtension};
use uuid::Uuid;

use crate::database::{Database, corrupt, sql_error};
use crate::ledger_row::complete_claim;

/// Most rows that one call of `forget_expired` removes, whatever its limit says.
const FORGET_MAX: usize = 5_000;

/// A step may be under way so many times when its process dies before that counts as an attempt.
const CUT_OFF_MAX: u32 = 100;

/// The ledger of a single node.
#[derive(Debug)]
pub struct SqliteJobLedger {
    database: Database,
    clock: Arc<dyn Clock>,
}

impl SqliteJobLedger {
    /// A ledger in the database; leases run by the clock.
    pub fn new(database: Database, clock: Arc<dyn Clock>) -> Self {
        Self { database, clock }
    }

    /// Releases every claim that is held. Only for whoever knows that no owner lives any more, as a node does that has just
    /// locked its data folder. The attempt was cut off by the death of the process, which says little about the step, so
    /// it is not counted; unless that keeps happening, for then the step may be what kills. Gives how many there were.
    pub async fn release_all(&self) -> Result<u64, PortError> {
        let write = |connection: &Connection| {
            connection
                .execute(
                    "UPDATE ledger SET owner = NULL, cut_off = cut_off + 1, \
                     attempt = CASE WHEN cut_off < ?1 THEN max(attempt - 1, 0) ELSE attempt END \
                     WHERE owner IS NOT NULL AND result IS NULL",
                    [CUT_OFF_MAX],
                )
                .map(|rows| rows as u64)
                .map_err(sql_error)
        };
        self.database.write("release the claims of dead owners", write).await
    }
}

#[async_trait]
impl JobLedger for SqliteJobLedger {
    async fn claim(&self, request: ClaimRequest) -> Result<ClaimOutcome, PortError> {
        let now = self.clock.now();
        let attempted = format!("claim step {}", request.step.as_str());
        self.database.write_relaxed(attempted, move |connection| claim(connection, &request, now)).await
    }

    async fn complete(&self, claim: &Claim, result: &str) -> Result<(), PortError> {
        let now = self.clock.now();
        let attempted = format!("complete step {}", claim.step.as_str());
        let (claim, result) = (claim.clone(), result.to_owned());
        self.database
            .write(attempted, move |connection| complete_claim(connection, &claim, &result, now))
            .await
    }

    async fn extend(&self, claim: &Claim, lease_ms: u64) -> Result<Claim, PortError> {
        let until = later(self.clock.now(), lease_ms);
        let attempted = format!("extend the claim on step {}", claim.step.as_str());
        let mut claim = claim.clone();
        let write = move |connection: &Connection| {
            let changed = connection
                .prepare_cached(
                    "UPDATE ledger SET expires_at = ?3, forget_at = CASE WHEN result IS NULL \
                     THEN ?3 + remember_ms ELSE forget_at END WHERE step = ?1 AND owner = ?2",
                )
                .and_then(|mut update| {
                    update.execute((claim.step.as_str(), claim.owner.to_string(), until.as_millis()))
                })
                .map_err(sql_error)?;
            if changed == 0 {
                return Err(PortError::new(ErrorKind::ClaimLost, ""));
            }
            claim.expires_at = until;
            Ok(claim)
        };
        self.database.write_relaxed(attempted, write).await
    }

    async fn release(&self, claim: &Claim, attempt_counts: bool) -> Result<(), PortError> {
        let attempted = format!("release the claim on step {}", claim.step.as_str());
        let claim = claim.clone();
        let write = move |connection: &Connection| {
            connection
                .prepare_cached(
                    "UPDATE ledger SET owner = NULL, attempt = attempt - ?3 \
                     WHERE step = ?1 AND owner = ?2 AND result IS NULL",
                )
                .and_then(|mut update| {
                    let uncounted = u32::from(!attempt_counts);
                    update.execute((claim.step.as_str(), claim.owner.to_string(), uncounted))
                })
                .map(drop)
                .map_err(sql_error)
        };
        self.database.write_relaxed(attempted, write).await
    }

    async fn forget_expired(&self, limit: usize) -> Result<u64, PortError> {
        let (now, limit) = (self.clock.now().as_millis(), limit.min(FORGET_MAX));
        let write = move |connection: &Connection| {
            connection
                .prepare_cached(
                    "DELETE FROM ledger WHERE step IN \
                     (SELECT step FROM ledger WHERE forget_at <= ?1 ORDER BY forget_at LIMIT ?2)",
                )
                .and_then(|mut delete| delete.execute((now, limit)))
                .map(|rows| rows as u64)
                .map_err(sql_error)
        };
        self.database.write_bulk("forget expired steps", write).await
    }
}

/// What the ledger knows of a step.
struct Known {
    owner: Option<Uuid>,
    expires_at: Timestamp,
    attempt: u32,
    fingerprint: String,
    memo: String,
    result: Option<String>,
}

fn claim(connection: &Connection, request: &ClaimRequest, now: Timestamp) -> Result<ClaimOutcome, PortError> {
    let Some(known) = known_step(connection, request.step.as_str(), now)? else {
        return store(connection, request, 1, request.memo.clone(), now);
    };
    if known.fingerprint != request.fingerprint {
        return Ok(ClaimOutcome::FingerprintDiffers);
    }
    if let Some(result) = known.result {
        return Ok(ClaimOutcome::Completed { result });
    }
    match known.owner {
        // The same request again, its answer having been lost.
        Some(owner) if owner == request.owner => store(connection, request, known.attempt, known.memo, now),
        Some(_) if known.expires_at > now => Ok(ClaimOutcome::InProgress { until: known.expires_at }),
        Some(_) | None => store(connection, request, known.attempt + 1, known.memo, now),
    }
}

/// The step's row, unless it is no longer to be remembered.
fn known_step(connection: &Connection, step: &str, now: Timestamp) -> Result<Option<Known>, PortError> {
    let mut select = connection
        .prepare_cached(
            "SELECT owner, expires_at, attempt, fingerprint, memo, result FROM ledger \
             WHERE step = ?1 AND forget_at > ?2",
        )
        .map_err(sql_error)?;
    let row = select
        .query_row((step, now.as_millis()), |row| {
            let owner: Option<String> = row.get(0)?;
            let known = Known {
                owner: None,
                expires_at: Timestamp::from_millis(row.get(1)?),
                attempt: row.get(2)?,
                fingerprint: row.get(3)?,
                memo: row.get(4)?,
                result: row.get(5)?,
            };
            Ok((owner, known))
        })
        .optional()
        .map_err(sql_error)?;
    row.map(|(owner, known)| {
        let owner = owner.map(|owner| Uuid::parse_str(&owner)).transpose().map_err(corrupt)?;
        Ok(Known { owner, ..known })
    })
    .transpose()
}

fn store(
    connection: &Connection,
    request: &ClaimRequest,
    attempt: u32,
    memo: String,
    now: Timestamp,
) -> Result<ClaimOutcome, PortError> {
    let expires_at = later(now, request.lease_ms);
    let remember_ms = i64::try_from(request.remember_ms).unwrap_or(i64::MAX);
    connection
        .prepare_cached(
            "INSERT INTO ledger \
             (step, owner, expires_at, attempt, fingerprint, memo, remember_ms, result, forget_at) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, NULL, ?8) \
             ON CONFLICT (step) DO UPDATE SET owner = ?2, expires_at = ?3, attempt = ?4, fingerprint = ?5, \
             memo = ?6, remember_ms = ?7, result = NULL, forget_at = ?8",
        )
        .and_then(|mut insert| {
            insert.execute((
                request.step.as_str(),
                request.owner.to_string(),
                expires_at.as_millis(),
                attempt,
                &request.fingerprint,
                &memo,
                remember_ms.min(Timestamp::MAX.as_millis()),
                expires_at.plus_millis(remember_ms).as_millis(),
            ))
        })
        .map_err(sql_error)?;
    Ok(ClaimOutcome::Claimed(Claim {
        step: request.step.clone(),
        owner: request.owner,
        expires_at,
        attempt,
        memo,
    }))
}

fn later(now: Timestamp, milliseconds: u64) -> Timestamp {
    now.plus_millis(i64::try_from(milliseconds).unwrap_or(i64::MAX))
}
