//! A ledger whose calls go wrong by a plan. It keeps nothing and changes no answer but the lost ones.

use std::sync::Arc;

use async_trait::async_trait;
use millrace_ports::{Claim, ClaimOutcome, ClaimRequest, JobLedger, PortError};

use crate::FaultPlan;

/// The decorator.
#[derive(Debug, Clone)]
pub struct FaultyJobLedger {
    inner: Arc<dyn JobLedger>,
    plan: Arc<FaultPlan>,
}

impl FaultyJobLedger {
    /// A ledger behind a plan.
    pub fn new(inner: Arc<dyn JobLedger>, plan: Arc<FaultPlan>) -> Self {
        Self { inner, plan }
    }
}

#[async_trait]
impl JobLedger for FaultyJobLedger {
    async fn claim(&self, request: ClaimRequest) -> Result<ClaimOutcome, PortError> {
        self.plan.call("job_ledger.claim", self.inner.claim(request)).await
    }

    async fn complete(&self, claim: &Claim, result: &str) -> Result<(), PortError> {
        self.plan.call("job_ledger.complete", self.inner.complete(claim, result)).await
    }

    async fn extend(&self, claim: &Claim, lease_ms: u64) -> Result<Claim, PortError> {
        self.plan.call("job_ledger.extend", self.inner.extend(claim, lease_ms)).await
    }

    async fn release(&self, claim: &Claim, attempt_counts: bool) -> Result<(), PortError> {
        self.plan.call("job_ledger.release", self.inner.release(claim, attempt_counts)).await
    }

    async fn forget_expired(&self, limit: usize) -> Result<u64, PortError> {
        self.plan.call("job_ledger.forget_expired", self.inner.forget_expired(limit)).await
    }
}
