//! How a claim lies in the ledger.
//!
//! Until when a step is remembered follows from three attributes: `remember_ms` after its completion, or after its lease
//! while it is not completed. `ttl` says about the same to DynamoDB, in whole seconds and never earlier.

use millrace_domain::Timestamp;
use millrace_ports::{ClaimRequest, StepKey};
use uuid::Uuid;

use super::item::{
    Item, UnreadableItem, instant, item_of, number, optional_instant, optional_text, parse_text,
    read_instant, read_number, read_text, second_at_or_after, text,
};
use super::schema::TIME_TO_LIVE;
use super::schema::ledger::{
    ATTEMPT, DONE_AT, EXPIRES_AT, FINGERPRINT, MEMO, OWNER, REMEMBER_MS, REMEMBER_S, RESULT, REVISION, STEP,
};

/// What the ledger knows of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClaimRow {
    /// Who holds it; nobody after a release.
    pub(crate) owner: Option<Uuid>,
    /// When the lease ends.
    pub(crate) expires_at: Timestamp,
    /// How many times it was claimed.
    pub(crate) attempt: u32,
    /// What it is about.
    pub(crate) fingerprint: String,
    /// The first claimant's note.
    pub(crate) memo: String,
    /// How long it is remembered.
    pub(crate) remember_ms: u64,
    /// What came of it.
    pub(crate) result: Option<String>,
    /// When it was completed.
    pub(crate) done_at: Option<Timestamp>,
    /// One more with each write.
    pub(crate) revision: u64,
}

impl ClaimRow {
    /// A newly held claim. No time is beyond what a timestamp can be.
    pub(crate) fn held(
        request: &ClaimRequest,
        attempt: u32,
        memo: String,
        revision: u64,
        now: Timestamp,
    ) -> Self {
        let remember_ms = request.remember_ms.min(Timestamp::MAX.as_millis().unsigned_abs());
        Self {
            owner: Some(request.owner),
            expires_at: later(now, request.lease_ms),
            attempt,
            fingerprint: request.fingerprint.clone(),
            memo,
            remember_ms,
            result: None,
            done_at: None,
            revision,
        }
    }

    /// When the step is no longer to be remembered.
    pub(crate) fn forget_at(&self) -> Timestamp {
        later(self.done_at.unwrap_or(self.expires_at), self.remember_ms)
    }

    /// The row as an item.
    pub(crate) fn to_item(&self, step: &StepKey) -> Item {
        let mut item = item_of([
            (STEP, text(step.as_str())),
            (EXPIRES_AT, instant(self.expires_at)),
            (ATTEMPT, number(self.attempt)),
            (FINGERPRINT, text(&self.fingerprint)),
            (MEMO, text(&self.memo)),
            (REMEMBER_MS, number(self.remember_ms)),
            (REMEMBER_S, number(self.remember_ms.div_ceil(1_000))),
            (REVISION, number(self.revision)),
            (TIME_TO_LIVE, number(second_at_or_after(self.forget_at()))),
        ]);
        let optional = [
            (OWNER, self.owner.map(|owner| text(owner.to_string()))),
            (RESULT, self.result.as_ref().map(text)),
            (DONE_AT, self.done_at.map(instant)),
        ];
        for (name, value) in optional {
            item.extend(value.map(|value| (name.to_owned(), value)));
        }
        item
    }

    /// Reads an item.
    pub(crate) fn read(item: &Item) -> Result<Self, UnreadableItem> {
        let owner = item.contains_key(OWNER).then(|| parse_text(item, OWNER)).transpose()?;
        Ok(Self {
            owner,
            expires_at: read_instant(item, EXPIRES_AT)?,
            attempt: read_number(item, ATTEMPT)?,
            fingerprint: read_text(item, FINGERPRINT)?.to_owned(),
            memo: read_text(item, MEMO)?.to_owned(),
            remember_ms: read_number(item, REMEMBER_MS)?,
            result: optional_text(item, RESULT)?.map(str::to_owned),
            done_at: optional_instant(item, DONE_AT)?,
            revision: read_number(item, REVISION)?,
        })
    }
}

/// An instant and some milliseconds more.
pub(crate) fn later(instant: Timestamp, milliseconds: u64) -> Timestamp {
    instant.plus_millis(i64::try_from(milliseconds).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use millrace_domain::{IdempotencyKey, TenantId};
    use millrace_test_support::strategies::{timestamp, uuid};
    use proptest::option;
    use proptest::prelude::*;

    use super::*;

    fn row() -> impl Strategy<Value = ClaimRow> {
        let times = (timestamp(), 0..=Timestamp::MAX.as_millis().unsigned_abs(), option::of(timestamp()));
        let texts = (".*", ".*", option::of(".*"));
        (option::of(uuid()), any::<u32>(), any::<u64>(), times, texts).prop_map(
            |(owner, attempt, revision, (expires_at, remember_ms, done_at), (fingerprint, memo, result))| {
                ClaimRow {
                    owner,
                    expires_at,
                    attempt,
                    fingerprint,
                    memo,
                    remember_ms,
                    result,
                    done_at,
                    revision,
                }
            },
        )
    }

    proptest! {
        #[test]
        fn a_row_reads_back_as_written(row in row()) {
            let step = StepKey::request(
                &TenantId::new("acme").unwrap(),
                &IdempotencyKey::new("key").unwrap(),
            );
            let item = row.to_item(&step);
            prop_assert_eq!(read_text(&item, STEP).unwrap(), step.as_str());
            prop_assert_eq!(ClaimRow::read(&item).unwrap(), row);
        }

        #[test]
        fn dynamodb_never_deletes_what_is_still_to_be_remembered(row in row()) {
            let step = StepKey::reaction("webhooks", millrace_domain::EventId::new(Uuid::nil()));
            let seconds: i64 = read_number(&row.to_item(&step), TIME_TO_LIVE).unwrap();
            prop_assert!(seconds * 1_000 >= row.forget_at().as_millis());
        }
    }
}
