//! Claims on steps in DynamoDB: conditional writes, fenced by owner and by a revision that every write raises. Leases run
//! by the injected clock. Renewing them in time and deciding what to do when one is lost is the workers'.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use futures::{StreamExt, TryStreamExt, stream};
use millrace_domain::Timestamp;
use millrace_ports::{Claim, ClaimOutcome, ClaimRequest, Clock, ErrorKind, JobLedger, PortError, StepKey};

use super::claim_item::{ClaimRow, later};
use super::claim_update::{ClaimUpdate, check_result};
use super::failure::dynamodb_error;
use super::item::{Item, check_size, item_of, number, read_text, text};
use super::schema::TIME_TO_LIVE;
use super::schema::ledger::{REVISION, STEP};
use super::table_name::TableName;

/// How often a claim is decided anew because another writer was faster. Of writers at once one wins each round and the
/// others then see its lease, so more than a few rounds mean a step that changes hands all the time.
const CLAIM_ROUNDS_MAX: u32 = 5;
/// Most rows that one call of `forget_expired` removes, whatever its limit says.
const FORGET_MAX: usize = 5_000;
/// Pages of up to 1 MB that one call of `forget_expired` looks through, at 128 read units each.
const FORGET_PAGES_MAX: usize = 4;
/// Deletions at once.
const FORGETS_AT_ONCE: usize = 16;

const IS_NEW: &str = "attribute_not_exists(#step)";
const IS_AS_SEEN: &str = "#revision = :seen";
const IS_EXPIRED: &str = "#ttl <= :now_s";

/// The ledger on AWS.
#[derive(Debug)]
pub struct DynamoDbJobLedger {
    client: Client,
    table: TableName,
    clock: Arc<dyn Clock>,
    /// Where the last look for expired rows stopped.
    forgotten_up_to: Mutex<Option<Item>>,
}

impl DynamoDbJobLedger {
    /// A ledger in a table; leases run by the clock.
    pub fn new(client: Client, table: TableName, clock: Arc<dyn Clock>) -> Self {
        Self { client, table, clock, forgotten_up_to: Mutex::new(None) }
    }
}

#[async_trait]
impl JobLedger for DynamoDbJobLedger {
    async fn claim(&self, request: ClaimRequest) -> Result<ClaimOutcome, PortError> {
        let attempted = format!("claim step {}", request.step.as_str());
        let now = self.clock.now();
        let mut seen = None;
        for _ in 0..CLAIM_ROUNDS_MAX {
            match decide(seen.as_ref(), &request, now) {
                Decision::Answer(outcome) => return Ok(outcome),
                Decision::Store(row) => {
                    let seen_revision = seen.map(|row: ClaimRow| row.revision);
                    match self.store(&request.step, &row, seen_revision, &attempted).await? {
                        Stored::Done => return Ok(ClaimOutcome::Claimed(held_claim(request, row))),
                        Stored::Instead(found) => seen = found,
                    }
                }
            }
        }
        Err(PortError::caused(ErrorKind::Conflict, attempted, "other claimants were faster each time"))
    }

    async fn complete(&self, claim: &Claim, result: &str) -> Result<(), PortError> {
        let attempted = format!("complete step {}", claim.step.as_str());
        check_result(result, &attempted)?;
        self.update(ClaimUpdate::complete(claim, result, self.clock.now()), attempted).await
    }

    async fn extend(&self, claim: &Claim, lease_ms: u64) -> Result<Claim, PortError> {
        let until = later(self.clock.now(), lease_ms);
        let attempted = format!("extend the claim on step {}", claim.step.as_str());
        self.update(ClaimUpdate::extend(claim, until), attempted).await?;
        Ok(Claim { expires_at: until, ..claim.clone() })
    }

    async fn release(&self, claim: &Claim, attempt_counts: bool) -> Result<(), PortError> {
        let attempted = format!("release the claim on step {}", claim.step.as_str());
        match self.update(ClaimUpdate::release(claim, attempt_counts), attempted).await {
            Err(error) if error.kind == ErrorKind::ClaimLost => Ok(()),
            other => other,
        }
    }

    /// DynamoDB forgets by itself, by the time to live, within some days and for free. This looks through a bounded part
    /// of the table, going on where the last call stopped, and may find nothing though there is something further on.
    async fn forget_expired(&self, limit: usize) -> Result<u64, PortError> {
        let attempted = "forget expired steps";
        let now_s = self.clock.now().as_millis() / 1_000;
        let limit = limit.min(FORGET_MAX);
        let mut steps = Vec::new();
        let mut start = self.resume_point();
        for _ in 0..FORGET_PAGES_MAX {
            let (found, next) = self.expired_page(now_s, start, attempted).await?;
            steps.extend(found);
            start = next;
            if start.is_none() || steps.len() >= limit {
                break;
            }
        }
        if steps.len() > limit {
            steps.truncate(limit);
            start = steps.last().map(|step| item_of([(STEP, text(step))]));
        }
        let deletions = steps.into_iter().map(|step| self.forget(step, now_s, attempted));
        let forgotten: Vec<bool> =
            stream::iter(deletions).buffer_unordered(FORGETS_AT_ONCE).try_collect().await?;
        *self.forgotten_up_to.lock().unwrap_or_else(PoisonError::into_inner) = start;
        Ok(forgotten.into_iter().filter(|deleted| *deleted).count() as u64)
    }
}

/// What became of a conditional write.
enum Stored {
    /// It was written.
    Done,
    /// Another writer was faster; this is there instead.
    Instead(Option<ClaimRow>),
}

impl DynamoDbJobLedger {
    async fn store(
        &self,
        step: &StepKey,
        row: &ClaimRow,
        seen_revision: Option<u64>,
        attempted: &str,
    ) -> Result<Stored, PortError> {
        let item = row.to_item(step);
        check_size(&item, attempted)?;
        let put = self
            .client
            .put_item()
            .table_name(self.table.as_str())
            .set_item(Some(item))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let put = match seen_revision {
            None => put.condition_expression(IS_NEW).expression_attribute_names("#step", STEP),
            Some(seen) => put
                .condition_expression(IS_AS_SEEN)
                .expression_attribute_names("#revision", REVISION)
                .expression_attribute_values(":seen", number(seen)),
        };
        let Err(error) = put.send().await else { return Ok(Stored::Done) };
        let failed = error.as_service_error().and_then(|error| match error {
            PutItemError::ConditionalCheckFailedException(failed) => Some(failed),
            _ => None,
        });
        let Some(failed) = failed else { return Err(dynamodb_error(error, attempted)) };
        let found = failed.item().map(ClaimRow::read).transpose();
        found.map(Stored::Instead).map_err(|error| error.while_attempting(attempted))
    }

    /// A failed condition means that the claim is another owner's.
    async fn update(&self, update: ClaimUpdate, attempted: String) -> Result<(), PortError> {
        let Err(error) = update.send(&self.client, &self.table).await else { return Ok(()) };
        let lost =
            error.as_service_error().is_some_and(UpdateItemError::is_conditional_check_failed_exception);
        if lost {
            return Err(PortError::caused(ErrorKind::ClaimLost, attempted, error));
        }
        Err(dynamodb_error(error, attempted))
    }

    fn resume_point(&self) -> Option<Item> {
        self.forgotten_up_to.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn expired_page(
        &self,
        now_s: i64,
        start: Option<Item>,
        attempted: &str,
    ) -> Result<(Vec<String>, Option<Item>), PortError> {
        let scan = self
            .client
            .scan()
            .table_name(self.table.as_str())
            .projection_expression("#step")
            .filter_expression(IS_EXPIRED)
            .expression_attribute_names("#step", STEP)
            .expression_attribute_names("#ttl", TIME_TO_LIVE)
            .expression_attribute_values(":now_s", number(now_s))
            .set_exclusive_start_key(start);
        let page = scan.send().await.map_err(|error| dynamodb_error(error, attempted))?;
        let steps = page.items().iter().map(|item| read_text(item, STEP).map(str::to_owned));
        let steps = steps.collect::<Result<_, _>>().map_err(|error| error.while_attempting(attempted))?;
        Ok((steps, page.last_evaluated_key.filter(|key| !key.is_empty())))
    }

    /// Deletes a row unless it was claimed anew meanwhile; whether it did.
    async fn forget(&self, step: String, now_s: i64, attempted: &str) -> Result<bool, PortError> {
        let deletion = self
            .client
            .delete_item()
            .table_name(self.table.as_str())
            .key(STEP, text(step))
            .condition_expression(IS_EXPIRED)
            .expression_attribute_names("#ttl", TIME_TO_LIVE)
            .expression_attribute_values(":now_s", number(now_s));
        let Err(error) = deletion.send().await else { return Ok(true) };
        let spared =
            error.as_service_error().is_some_and(DeleteItemError::is_conditional_check_failed_exception);
        if spared { Ok(false) } else { Err(dynamodb_error(error, attempted)) }
    }
}

/// What to do about a request, given what is stored.
enum Decision {
    /// Nothing but to say so.
    Answer(ClaimOutcome),
    /// Write this, unless somebody else writes first.
    Store(ClaimRow),
}

fn decide(known: Option<&ClaimRow>, request: &ClaimRequest, now: Timestamp) -> Decision {
    let Some(known) = known else {
        return Decision::Store(ClaimRow::held(request, 1, request.memo.clone(), 1, now));
    };
    let revision = known.revision.saturating_add(1);
    if known.forget_at() <= now {
        return Decision::Store(ClaimRow::held(request, 1, request.memo.clone(), revision, now));
    }
    if known.fingerprint != request.fingerprint {
        return Decision::Answer(ClaimOutcome::FingerprintDiffers);
    }
    if let Some(result) = &known.result {
        return Decision::Answer(ClaimOutcome::Completed { result: result.clone() });
    }
    let again =
        |attempt| Decision::Store(ClaimRow::held(request, attempt, known.memo.clone(), revision, now));
    match known.owner {
        // The same request again, its answer having been lost.
        Some(owner) if owner == request.owner => again(known.attempt),
        Some(_) if known.expires_at > now => {
            Decision::Answer(ClaimOutcome::InProgress { until: known.expires_at })
        }
        Some(_) | None => again(known.attempt.saturating_add(1)),
    }
}

fn held_claim(request: ClaimRequest, row: ClaimRow) -> Claim {
    Claim {
        step: request.step,
        owner: request.owner,
        expires_at: row.expires_at,
        attempt: row.attempt,
        memo: row.memo,
    }
}
