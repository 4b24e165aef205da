//! Restarts documents that are owed work and stand still: goes through the list of them, oldest first, and sends what is owed
//! to each that was not restarted lately.
//!
//! What one call does is bounded, for each tenant by a share and for all together by time. What it does not get to is not
//! starved: a tenant whose share is used up is passed over without a look, so that those behind it come as if it were not
//! there, and its own turn goes on at a later call where it ended; and where the time was over the next call begins, for
//! everybody. Only at the end of the list, or of a tenant's documents in it, does it begin with the oldest again. These
//! places are kept in memory: a process that begins anew begins with the oldest, and of two that take turns each has places
//! of its own.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::vec::IntoIter;

use futures::FutureExt as _;
use futures::future::join_all;
use millrace_domain::{TenantId, Timestamp, Trace};
use millrace_ports::{
    Claim, ClaimOutcome, ClaimRequest, ErrorKind, EventStore, IdGenerator, JobLedger, PortError, StepKey,
    UnsettledDocument, UnsettledPlace,
};

use crate::commands::SweepPolicy;
use crate::documents::Documents;
use crate::failures::{Failures, guarded};
use crate::jobs::Jobs;

/// Documents of one page of the list.
const PAGE: usize = 1_000;
/// How many documents are looked at at once.
const CONCURRENCY: usize = 8;
/// A tenant's documents that are looked at in one call, for each that may be restarted. Most of those that stand still were
/// restarted lately, and a look that finds so is one request.
const LOOKS_PER_RESTART: usize = 10;
/// The pause after a restart doubles so often.
const DOUBLINGS_MAX: u32 = 6;
/// How long the restarts of a document are counted after the last pause, in milliseconds: a day. Were they forgotten
/// sooner, the pauses would not grow.
const RESTARTS_REMEMBER_MS: u64 = 86_400_000;

/// What a call did.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Restarted {
    /// Documents that had stood still.
    pub(crate) documents: usize,
    /// Jobs sent for them.
    pub(crate) jobs: usize,
}

/// The parts it works with. Clones share their place in the list.
#[derive(Debug, Clone)]
pub struct StalledDocuments {
    documents: Documents,
    store: Arc<dyn EventStore>,
    jobs: Jobs,
    ledger: Arc<dyn JobLedger>,
    ids: Arc<dyn IdGenerator>,
    round: Arc<Mutex<Round>>,
}

impl StalledDocuments {
    /// Documents in a store, whose jobs are sent again under claims of the ledger.
    pub fn new(
        documents: Documents,
        store: Arc<dyn EventStore>,
        jobs: Jobs,
        ledger: Arc<dyn JobLedger>,
        ids: Arc<dyn IdGenerator>,
    ) -> Self {
        Self { documents, store, jobs, ledger, ids, round: Arc::default() }
    }

    /// Restarts some of them. A document that cannot be restarted is a failure and no obstacle to the others.
    pub(crate) async fn restart(&self, policy: SweepPolicy, failures: &mut Failures) -> Restarted {
        let begun = self.documents.now();
        let before = begun.plus_millis(-(policy.stalled_ms as i64));
        let mut turn = Turn::of(policy, self.round.lock().unwrap_or_else(PoisonError::into_inner).clone());
        let mut restarted = Restarted::default();
        loop {
            // Where no list is to be had, the next call begins with the oldest, in case it is for what stands here.
            let page = self.store.unsettled(before, turn.reached.as_ref(), PAGE).await;
            let Some(page) = failures.pass(page) else { break turn.reached = None };
            let mut documents = page.documents.into_iter();
            while !documents.as_slice().is_empty() && self.has_time(begun, &turn) {
                self.look_at(turn.next_few(&mut documents), &mut turn, &mut restarted, failures).await;
            }
            if documents.as_slice().is_empty() {
                turn.reached = page.next;
            }
            if turn.reached.is_none() || !self.has_time(begun, &turn) {
                break;
            }
        }
        *self.round.lock().unwrap_or_else(PoisonError::into_inner) = turn.end();
        restarted
    }

    /// A call looks at something, or it would never come to an end of the list.
    fn has_time(&self, begun: Timestamp, turn: &Turn) -> bool {
        turn.shares.is_empty() || self.documents.now().millis_since(begun) < turn.policy.look_ms
    }

    async fn look_at(
        &self,
        documents: Vec<UnsettledDocument>,
        turn: &mut Turn,
        restarted: &mut Restarted,
        failures: &mut Failures,
    ) {
        let looks = documents.iter().map(|document| self.look(document, turn.policy.pause_ms).boxed());
        for (document, looked) in documents.iter().zip(join_all(looks).await) {
            turn.count(document, !matches!(looked, Ok(Look::Paused)));
            if let Some(Look::Sent(jobs @ 1..)) = failures.pass(looked) {
                restarted.documents += 1;
                restarted.jobs += jobs;
            }
        }
    }

    /// Sends a document's owed jobs, unless that was done for this version not long ago: a long queue is not a loss, so
    /// the pause doubles each time. The claim comes first, since most documents are not worth a load.
    async fn look(&self, document: &UnsettledDocument, pause_ms: u64) -> Result<Look, PortError> {
        let key = &document.place.key;
        let request = ClaimRequest {
            step: StepKey::restart(key, document.version),
            owner: self.ids.uuid(),
            lease_ms: pause_ms,
            fingerprint: String::new(),
            memo: String::new(),
            remember_ms: RESTARTS_REMEMBER_MS,
        };
        let ClaimOutcome::Claimed(claim) = self.ledger.claim(request).await? else { return Ok(Look::Paused) };
        let attempted = format!("restart document {}", key.document_id);
        let sent = guarded(attempted, self.send_owed(document)).await;
        let pause_ms = pause_ms << claim.attempt.saturating_sub(1).min(DOUBLINGS_MAX);
        match &sent {
            Ok(_) => drop(self.ledger.extend(&claim, pause_ms).await?),
            Err(error) => self.pause_after(error, &claim, pause_ms).await,
        }
        sent.map(Look::Sent)
    }

    async fn send_owed(&self, listed: &UnsettledDocument) -> Result<usize, PortError> {
        let key = &listed.place.key;
        let document = self.documents.load(key).await?;
        // At another version it does not stand still.
        let Some(document) = document.filter(|document| document.version == listed.version) else {
            return Ok(0);
        };
        let trace =
            Trace { correlation_id: self.ids.correlation_id(), causation_id: None, traceparent: None };
        self.jobs.send_owed(key, None, &document, &trace).await
    }

    /// A failure that passes is not to keep the document waiting. One that stays until somebody mends the document or the
    /// program is met as seldom as a restart in vain.
    async fn pause_after(&self, error: &PortError, claim: &Claim, pause_ms: u64) {
        let left = match error.kind {
            ErrorKind::Corrupt | ErrorKind::Invalid => self.ledger.extend(claim, pause_ms).await.map(drop),
            ErrorKind::Conflict
            | ErrorKind::ClaimLost
            | ErrorKind::NotFound
            | ErrorKind::Throttled
            | ErrorKind::Unavailable => self.ledger.release(claim, false).await,
        };
        if let Err(error) = left {
            tracing::debug!(%error, "the claim of a failed restart runs out by itself");
        }
    }
}

/// What a look at a document came to.
enum Look {
    /// It was restarted not long ago.
    Paused,
    /// So many jobs were sent.
    Sent(usize),
}

/// How far the list has been gone through.
#[derive(Debug, Clone, Default)]
struct Round {
    /// Where the last call's time was over; nothing if it came to the end.
    reached: Option<UnsettledPlace>,
    /// Where the turns of those tenants ended who had used up their share.
    ended: BTreeMap<TenantId, UnsettledPlace>,
}

/// One call's way through it.
#[derive(Debug)]
struct Turn {
    policy: SweepPolicy,
    /// How the calls before left it.
    found: Round,
    shares: BTreeMap<TenantId, Share>,
    reached: Option<UnsettledPlace>,
}

/// What a tenant has had of a call.
#[derive(Debug, Default)]
struct Share {
    restarts: usize,
    looks: usize,
    last: Option<UnsettledPlace>,
    is_used_up: bool,
}

impl Turn {
    fn of(policy: SweepPolicy, round: Round) -> Self {
        Self { policy, reached: round.reached.clone(), found: round, shares: BTreeMap::new() }
    }

    /// Takes documents that may be looked at together: no more of a tenant than its share has left. Passes over those whose
    /// turn it is not.
    fn next_few(&mut self, documents: &mut IntoIter<UnsettledDocument>) -> Vec<UnsettledDocument> {
        let mut few: Vec<UnsettledDocument> = Vec::with_capacity(CONCURRENCY);
        while few.len() < CONCURRENCY
            && let Some(document) = documents.as_slice().first()
        {
            let tenant = &document.place.key.tenant_id;
            let taken = few.iter().filter(|taken| taken.place.key.tenant_id == *tenant).count();
            match self.left_of(&document.place) {
                0 => {}
                left if taken == left => break,
                _ => few.push(document.clone()),
            }
            self.reached = documents.next().map(|document| document.place);
        }
        few
    }

    /// How many documents of its tenant may be looked at from here on.
    fn left_of(&mut self, place: &UnsettledPlace) -> usize {
        let tenant = &place.key.tenant_id;
        if self.found.ended.get(tenant).is_some_and(|ended| place <= ended) {
            return 0;
        }
        let share = self.shares.entry(tenant.clone()).or_default();
        let restarts_max = self.policy.per_sweep_max;
        let looks_max = restarts_max.saturating_mul(LOOKS_PER_RESTART);
        let left = restarts_max.saturating_sub(share.restarts).min(looks_max.saturating_sub(share.looks));
        share.is_used_up |= left == 0;
        left
    }

    fn count(&mut self, document: &UnsettledDocument, restarted: bool) {
        let share = self.shares.entry(document.place.key.tenant_id.clone()).or_default();
        share.looks += 1;
        share.restarts += usize::from(restarted);
        share.last = Some(document.place.clone());
    }

    /// Where the next call goes on. A turn that was to go on here has done so, and is over unless its share was used up again;
    /// one that was to go on elsewhere still is.
    fn end(self) -> Round {
        let Self { found, shares, reached, .. } = self;
        let is_here = |place: &UnsettledPlace| {
            found.reached.as_ref().is_none_or(|from| from <= place)
                && reached.as_ref().is_none_or(|to| place <= to)
        };
        let mut ended = found.ended;
        ended.retain(|_, place| !is_here(place));
        for (tenant, share) in shares.into_iter().filter(|(_, share)| share.is_used_up) {
            if let Some(last) = share.last {
                ended.entry(tenant).or_insert(last);
            }
        }
        Round { reached, ended }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use millrace_domain::{DocumentKey, Version};

    use super::*;

    /// Documents of three tenants, mixed; of the first there are many.
    fn listed() -> Vec<UnsettledDocument> {
        let tenants = ["a", "b", "a", "a", "c", "a", "a", "c", "c", "a"];
        let mut listed: Vec<_> = (0..60_usize)
            .map(|number| {
                let tenant_id = TenantId::new(tenants[number % tenants.len()]).unwrap();
                let document_id = format!("01900000-0000-7000-8000-{number:012}").parse().unwrap();
                let since = Timestamp::from_millis(number as i64 / 3);
                let place = UnsettledPlace { since, key: DocumentKey { tenant_id, document_id } };
                UnsettledDocument { place, version: Version::new(1) }
            })
            .collect();
        listed.sort_by(|one, other| one.place.cmp(&other.place));
        listed
    }

    /// The sweeper's calls, without what they call.
    struct Calls {
        listed: Vec<UnsettledDocument>,
        policy: SweepPolicy,
        /// For so many looks there is time.
        looks_max: usize,
        /// Whether a look finds that the document was not restarted lately.
        restarts: bool,
        round: Round,
    }

    impl Calls {
        fn of(per_sweep_max: usize, looks_max: usize, restarts: bool) -> Self {
            let policy = SweepPolicy { per_sweep_max, ..SweepPolicy::default() };
            Self { listed: listed(), policy, looks_max, restarts, round: Round::default() }
        }

        fn position(&self, place: &UnsettledPlace) -> usize {
            self.listed.partition_point(|document| document.place < *place)
        }

        /// One call, page by page of 7. Gives what it looked at.
        fn call(&mut self) -> Vec<usize> {
            let mut turn = Turn::of(self.policy, self.round.clone());
            let mut looked_at = Vec::new();
            loop {
                let from = turn.reached.as_ref().map_or(0, |place| self.position(place) + 1);
                let to = self.listed.len().min(from + 7);
                let page: Vec<_> = self.listed[from..to].to_vec();
                let mut page = page.into_iter();
                while !page.as_slice().is_empty() && looked_at.len() < self.looks_max {
                    for document in turn.next_few(&mut page) {
                        turn.count(&document, self.restarts);
                        looked_at.push(self.position(&document.place));
                    }
                }
                if page.as_slice().is_empty() && to == self.listed.len() {
                    turn.reached = None;
                }
                if turn.reached.is_none() || looked_at.len() >= self.looks_max {
                    self.round = turn.end();
                    return looked_at;
                }
            }
        }
    }

    /// Whatever ends the calls, no document waits for ever: between two looks at it lie only so many calls as its tenant's
    /// shares and everybody's time make of the list.
    #[test]
    fn every_document_has_its_turn_again_and_again() {
        for per_sweep_max in 1..8 {
            for looks_max in [1, 8, 9, 20, 33, 1_000] {
                let mut calls = Calls::of(per_sweep_max, looks_max, true);
                let enough = (60 / per_sweep_max + 2) * (60_usize.div_ceil(looks_max) + 1);
                for again in 0..3 {
                    let seen: BTreeSet<usize> = (0..enough).flat_map(|_| calls.call()).collect();
                    let missed: Vec<usize> = (0..60).filter(|number| !seen.contains(number)).collect();
                    let bounds = format!("share of {per_sweep_max}, time for {looks_max}");
                    assert!(missed.is_empty(), "{bounds}, time and again {again}: {missed:?}");
                }
            }
        }
    }

    #[test]
    fn a_call_looks_at_no_document_twice_and_at_no_more_of_a_tenant_than_its_share() {
        let mut calls = Calls::of(2, 1_000, true);
        for _ in 0..40 {
            let looked_at = calls.call();
            assert_eq!(BTreeSet::from_iter(&looked_at).len(), looked_at.len());
            for tenant in ["a", "b", "c"] {
                let is_of = |number: &&usize| calls.listed[**number].place.key.tenant_id.as_str() == tenant;
                assert!((1..=2).contains(&looked_at.iter().filter(is_of).count()), "{tenant}");
            }
        }
    }

    #[test]
    fn looks_that_restart_nothing_have_a_bound_of_their_own() {
        let mut calls = Calls::of(2, 1_000, false);
        let looked_at = calls.call();
        assert_eq!(looked_at.len(), 20 + 6 + 18, "twenty of the first tenant, and all of the others");
        let both: BTreeSet<usize> = looked_at.into_iter().chain(calls.call()).collect();
        assert_eq!(both.len(), 60);
    }
}
