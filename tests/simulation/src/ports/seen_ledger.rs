//! A ledger whose claims the witness sees, so that it knows by itself who may complete a step.

use std::sync::Arc;

use async_trait::async_trait;
use millrace_ports::{Claim, ClaimOutcome, ClaimRequest, JobLedger, PortError};

use crate::witness::Witness;

/// The layer.
#[derive(Debug)]
pub(crate) struct SeenLedger {
    inner: Arc<dyn JobLedger>,
    witness: Arc<Witness>,
}

impl SeenLedger {
    pub(crate) fn new(inner: Arc<dyn JobLedger>, witness: Arc<Witness>) -> Self {
        Self { inner, witness }
    }
}

#[async_trait]
impl JobLedger for SeenLedger {
    async fn claim(&self, request: ClaimRequest) -> Result<ClaimOutcome, PortError> {
        let remember_ms = request.remember_ms;
        let outcome = self.inner.claim(request).await?;
        if let ClaimOutcome::Claimed(claim) = &outcome {
            self.witness.claimed(claim, remember_ms);
        }
        Ok(outcome)
    }

    async fn complete(&self, claim: &Claim, result: &str) -> Result<(), PortError> {
        self.inner.complete(claim, result).await?;
        self.witness.completed(claim, "without an append");
        Ok(())
    }

    async fn extend(&self, claim: &Claim, lease_ms: u64) -> Result<Claim, PortError> {
        let prolonged = self.inner.extend(claim, lease_ms).await?;
        self.witness.prolonged(&prolonged);
        Ok(prolonged)
    }

    async fn release(&self, claim: &Claim, attempt_counts: bool) -> Result<(), PortError> {
        self.inner.release(claim, attempt_counts).await?;
        self.witness.released(claim, attempt_counts);
        Ok(())
    }

    async fn forget_expired(&self, limit: usize) -> Result<u64, PortError> {
        self.inner.forget_expired(limit).await
    }
}
