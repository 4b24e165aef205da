//! The port for claims: who is doing which step, until when, and what came of it. It makes a step that arrives twice
//! happen once, and a step whose worker died happen after all.

use std::fmt;

use async_trait::async_trait;
use millrace_domain::{
    BatchIndex, DocumentKey, EventId, Generation, IdempotencyKey, IndexSpace, TenantId, Timestamp, Version,
};
use uuid::Uuid;

use crate::PortError;

/// Names a step that must take effect once.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StepKey(String);

impl StepKey {
    /// Extract, chunk and index a generation. A retry is a step of its own.
    pub fn ingest(key: &DocumentKey, generation: Generation, retry: u32) -> Self {
        Self(format!("ingest/{}/{}/{generation}/{retry}", key.tenant_id, key.document_id))
    }

    /// Embed a batch. A retry is a step of its own.
    pub fn embed(key: &DocumentKey, generation: Generation, retry: u32, batch: BatchIndex) -> Self {
        Self(format!("embed/{}/{}/{generation}/{retry}/{batch}", key.tenant_id, key.document_id))
    }

    /// Write a batch into the index space that is being built. A retry of the generation is a step of its own.
    pub fn reembed(
        key: &DocumentKey,
        (generation, retry): (Generation, u32),
        batch: BatchIndex,
        space: IndexSpace,
    ) -> Self {
        Self(format!("reembed/{}/{}/{generation}/{retry}/{batch}/{space}", key.tenant_id, key.document_id))
    }

    /// Send the batches of a generation for an index space; asked for again it waits longer each time.
    pub fn send_reembedding(
        key: &DocumentKey,
        (generation, retry): (Generation, u32),
        space: IndexSpace,
    ) -> Self {
        Self(format!("send-reembed/{}/{}/{generation}/{retry}/{space}", key.tenant_id, key.document_id))
    }

    /// Purge a generation of its index entries, or of its content too. A retry leaves leftovers of its own.
    pub fn purge_generation(key: &DocumentKey, generation: Generation, retry: u32, content: bool) -> Self {
        let what = if content { "content" } else { "index" };
        Self(format!("purge/{}/{}/{generation}/{retry}/{what}", key.tenant_id, key.document_id))
    }

    /// Purge a whole document.
    pub fn purge_document(key: &DocumentKey) -> Self {
        Self(format!("purge/{}/{}/all", key.tenant_id, key.document_id))
    }

    /// Send the jobs that a document at this version is owed once more.
    pub fn restart(key: &DocumentKey, version: Version) -> Self {
        Self(format!("restart/{}/{}/{version}", key.tenant_id, key.document_id))
    }

    /// Try a document again because a message about it came back from the dead letters: once for each such message.
    pub fn redrive(key: &DocumentKey, message_id: &str) -> Self {
        Self(format!("redrive/{}/{}/{message_id}", key.tenant_id, key.document_id))
    }

    /// A client's request under its idempotency key.
    pub fn request(tenant: &TenantId, key: &IdempotencyKey) -> Self {
        Self(format!("request/{tenant}/{key}"))
    }

    /// A subscriber's reaction to an event.
    pub fn reaction(subscriber: &str, event: EventId) -> Self {
        Self(format!("event/{subscriber}/{event}"))
    }

    /// A step of another function than Millrace's own: `key` says which of its steps. No two pairs give the same key,
    /// whatever characters they hold, and none gives a key of the steps above. DynamoDB takes keys of up to 2,048 bytes.
    pub fn named(function: &str, key: &str) -> Self {
        Self(format!("own/{}/{function}/{key}", function.len()))
    }

    /// The text of the key.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A held claim: proof of who may complete the step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Which step.
    pub step: StepKey,
    /// Whose; made anew for each attempt.
    pub owner: Uuid,
    /// When the lease ends and others may claim.
    pub expires_at: Timestamp,
    /// How many times the step was claimed, this one included, less the releases that did not count. From 1.
    pub attempt: u32,
    /// What the first claimant noted, kept when an expired claim changes hands.
    pub memo: String,
}

/// A request for a claim.
#[derive(Debug, Clone)]
pub struct ClaimRequest {
    /// Which step.
    pub step: StepKey,
    /// A new token of this attempt.
    pub owner: Uuid,
    /// How long the lease lasts, in milliseconds.
    pub lease_ms: u64,
    /// What the step is about (for a request, the hash of its body); another fingerprint under the same key is refused.
    pub fingerprint: String,
    /// A note to whoever takes over, for example the ids that a first attempt reserved.
    pub memo: String,
    /// How long a completed step is remembered, in milliseconds.
    pub remember_ms: u64,
}

/// What became of a request for a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClaimOutcome {
    /// It is yours until the lease ends. A claim that takes over an expired one counts as one more attempt.
    Claimed(Claim),
    /// Another owner's lease runs until then.
    InProgress {
        /// When to come back.
        until: Timestamp,
    },
    /// It was done before; this came of it.
    Completed {
        /// The remembered result.
        result: String,
    },
    /// The key is in use for something else.
    FingerprintDiffers,
}

/// Who does which step.
///
/// An implementer promises: at any instant at most one owner holds an unexpired claim on a step; a completed step stays
/// completed for `remember_ms`; only the owner whose claim has not been taken over can complete, extend or release;
/// a claim that expired is still good for completion until somebody else takes it; all of it survives a crash.
#[async_trait]
pub trait JobLedger: Send + Sync + fmt::Debug {
    /// Claims a step, if nobody holds it and it is not done.
    async fn claim(&self, request: ClaimRequest) -> Result<ClaimOutcome, PortError>;

    /// Notes the result. `ClaimLost` if another owner took over. Repeating it is harmless.
    async fn complete(&self, claim: &Claim, result: &str) -> Result<(), PortError>;

    /// Prolongs the lease to `lease_ms` from now. `ClaimLost` if another owner took over.
    async fn extend(&self, claim: &Claim, lease_ms: u64) -> Result<Claim, PortError>;

    /// Gives the claim back undone, so that the next attempt need not wait; the memo stays. With `attempt_counts`
    /// false (the step was throttled) the attempt is not counted. Harmless if the claim was lost.
    async fn release(&self, claim: &Claim, attempt_counts: bool) -> Result<(), PortError>;

    /// Forgets what is no longer to be remembered; at most `limit` rows; says how many.
    async fn forget_expired(&self, limit: usize) -> Result<u64, PortError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_other_functions_do_not_meet() {
        let pairs =
            [("charge", "a/b"), ("charge/a", "b"), ("", "charge/a/b"), ("8/charge", "a"), ("8", "charge/a")];
        let keys: std::collections::BTreeSet<_> =
            pairs.iter().map(|(function, key)| StepKey::named(function, key)).collect();
        assert_eq!(keys.len(), pairs.len(), "{keys:?}");
    }
}
