//! When a run has come to rest, and how long that may take: everything that clients were promised must then be so.
#![expect(clippy::expect_used, reason = "the adapters behind do not fail")]

use std::collections::BTreeMap;

use futures::FutureExt as _;
use millrace_application::SearchRequest;
use millrace_domain::{CollectionName, DocumentKey, QueueName, TenantId};
use millrace_ports::{BlobPrefix, BlobUsage, COLLECTIONS_PAGE_MAX, SearchFilter};

use crate::contents::COMMON_WORD;
use crate::dead_letters::{dead_documents, redrive};
use crate::event_sources;
use crate::operator::MOVE_SETTLE_MS_MAX;
use crate::reading::{check_narrowed, check_reading};
use crate::run::Run;
use crate::witness::{Found, SeenHit};

/// The longest that a document stands still between two restarts by the sweeper: its pause doubles from 2 minutes on, up to
/// 64-fold.
const RESTART_PAUSE_MS_MAX: u64 = 64 * 120_000;
/// Until the schedule fires after that.
const SWEEP_EVERY_MS: u64 = 60_000;
/// A parser that panics whenever it is tried: six attempts and the one that notices, each waiting for the lease of the one
/// before (5 minutes) and then for the job to come back (a minute at most).
const EXHAUSTION_MS: u64 = 7 * (300_000 + 60_000);
/// The longest wait before a further attempt, jitter included; purges have no last one.
const BACKOFF_MS_MAX: u64 = 750_000;
/// A message of a worker that died comes back after this.
const VISIBILITY_MS: u64 = 330_000;
/// Within which all documents must settle after the last fault and the last request, in simulated milliseconds. What may have
/// to be waited for, one after the other: the next restart of a document that stood still all the time, its exhaustion,
/// then the purge of what it left, at its longest wait and with a worker that died at it. Steps in between take seconds.
const DOCUMENTS_MS_MAX: u64 =
    RESTART_PAUSE_MS_MAX + SWEEP_EVERY_MS + EXHAUSTION_MS + BACKOFF_MS_MAX + VISIBILITY_MS;
/// A move of a collection settles twice. Between, it waits for what was sent to be done, or to be sent again: the pause before
/// that doubles from 2 minutes on, up to 64-fold; and before it drops the old space it may have to once more.
const MOVE_MS_MAX: u64 = 2 * (MOVE_SETTLE_MS_MAX + RESTART_PAUSE_MS_MAX + 2 * SWEEP_EVERY_MS);
/// The same with a collection that is moving, whose move goes by documents that have settled.
pub const SETTLE_MS_MAX: u64 = DOCUMENTS_MS_MAX + MOVE_MS_MAX;
/// How much later it is looked at for uploads that nobody refers to: the sweeper takes them for orphans an hour after they
/// were written or, of uploads by URL, after their URL expired; and completes those whose notification was lost.
const LATER_MS: i64 = 3 * 3_600_000;
/// Sweeps that must suffice for it.
const LATE_SWEEPS: u32 = 3;
/// Sweeps within which what was completed then must have come to rest.
const LATE_SWEEPS_MAX: u32 = 180;

/// How far a run is on its way to rest.
#[derive(Debug, Default)]
pub(crate) enum Settling {
    /// Things happen.
    #[default]
    Busy,
    /// All is done; waiting for orphans to become old and be swept.
    Rested { after_ms: u64, sweeps: u32 },
    /// Over.
    Over { after_ms: u64 },
}

impl Settling {
    pub(crate) fn is_over(&self) -> bool {
        matches!(self, Self::Over { .. })
    }

    pub(crate) fn after_ms(&self) -> u64 {
        match self {
            Self::Busy => 0,
            Self::Rested { after_ms, .. } | Self::Over { after_ms } => *after_ms,
        }
    }
}

/// Looks whether a run has come to rest, each time before the schedule fires.
pub(crate) fn look(run: &mut Run) {
    match run.settling {
        Settling::Busy => look_for_rest(run),
        Settling::Rested { after_ms, sweeps } if sweeps >= LATE_SWEEPS && rests(run) => {
            check_kept(run);
            check_settled(run);
            run.settling = Settling::Over { after_ms };
        }
        Settling::Rested { sweeps: LATE_SWEEPS_MAX, .. } => {
            let rule = "an upload that the sweeper completes settles";
            run.witness.accuse("G1", rule, format!("{:?}, {:?}", run.witness.unsettled(), waiting(run)));
        }
        Settling::Rested { after_ms, sweeps } => {
            run.settling = Settling::Rested { after_ms, sweeps: sweeps + 1 };
        }
        Settling::Over { .. } => {}
    }
}

fn look_for_rest(run: &mut Run) {
    let now = run.scheduler.now();
    let calm_from = run.scheduler.calm_from().max(run.asked_at);
    if now < calm_from || !run.clients.are_done() || !run.operator.is_done() {
        return;
    }
    // A view that waits for a dead letter is an operator's to mend.
    redrive(&run.world, QueueName::Projector, &run.scheduler);
    let after_ms = (now - calm_from).unsigned_abs();
    let unsettled = run.witness.unsettled();
    let waiting = waiting(run);
    if rests(run) {
        check_settled(run);
        check_search(run);
        check_reading(run);
        run.settling = Settling::Rested { after_ms, sweeps: 0 };
        run.scheduler.pass(LATER_MS);
    } else if after_ms > SETTLE_MS_MAX || after_ms > DOCUMENTS_MS_MAX && !unsettled.is_empty() {
        let rule = "everything settles within the bound";
        run.witness.accuse("G1", rule, format!("{unsettled:?}, waiting {waiting:?}"));
    }
}

/// Whether nothing is at work, waits, or is owed work.
fn rests(run: &Run) -> bool {
    run.is_idle() && !is_moving(run) && run.witness.unsettled().is_empty() && waiting(run).is_empty()
}

/// Whether a collection is on its way to another model, or back.
pub(crate) fn is_moving(run: &Run) -> bool {
    !now(run.world.behind.collections.under_reembedding(1)).is_empty()
}

/// The length of a collection's vectors.
pub(crate) fn dimensions(run: &Run, tenant: &TenantId, name: &CollectionName) -> Option<u16> {
    now(run.world.behind.collections.get(tenant, name)).map(|collection| collection.dimensions)
}

/// What is left to be done, by queue; and the events that are yet to be published.
fn waiting(run: &Run) -> Vec<String> {
    let depth = |queue: QueueName| {
        let depth = now(run.world.behind.consumer.depth(queue));
        let waits = depth.visible + depth.in_flight + depth.delayed > 0;
        waits.then(|| format!("{queue}: {depth:?}"))
    };
    let backlog = event_sources::backlog(&run.world);
    let backlog = (backlog > 0).then(|| format!("{backlog} events"));
    QueueName::ALL.into_iter().filter_map(depth).chain(backlog).collect()
}

fn check_settled(run: &Run) {
    let behind = &run.world.behind;
    let mut found = BTreeMap::new();
    for (key, story) in run.witness.stories() {
        let (collection, generation) = (&story.document.collection, story.document.generation);
        let (current, all) = now(run.world.onlooker.usage(&key, collection, Some(generation)));
        let stored = Found { current, all, view: now(behind.views.get(&key)) };
        let loaded = now(run.world.documents_behind.load(&key));
        if loaded.as_ref() != Some(&story.document) {
            run.witness.accuse("G3", "the state is the fold of the events", key.document_id.to_string());
        }
        found.insert(key, stored);
    }
    run.witness.settled(&found);
    let dead = QueueName::ALL.into_iter().flat_map(|queue| dead_documents(&run.world, queue)).collect();
    run.witness.redriven_settled(&dead);
    run.witness.lettered(&dead);
    for (tenant, _) in run.clients.tenants() {
        run.witness.counted(tenant, &now(behind.views.counts(tenant)));
        for collection in now(behind.collections.list(tenant, None, COLLECTIONS_PAGE_MAX)).collections {
            run.witness.moves_settled(&collection, run.scheduler.struck().is_empty());
        }
    }
}

/// Everything is found, and a passage is found by its own words and meaning before all others.
fn check_search(run: &Run) {
    let from = run.witness.instant();
    for (tenant, _) in run.clients.tenants() {
        for collection in ["default", "second"].map(|name| CollectionName::new(name).expect("it is valid")) {
            let request = |query: String| SearchRequest {
                tenant_id: tenant.clone(),
                collection: collection.clone(),
                query,
                limit: 100,
                hits_per_document_max: None,
                filter: SearchFilter::default(),
            };
            let search = |query| now(run.world.search_behind.run(request(query))).hits;
            let found = search(COMMON_WORD.to_owned());
            check_narrowed(run, tenant, &collection, &found);
            let hits: Vec<SeenHit> = found.into_iter().map(SeenHit::from).collect();
            run.witness.searched(tenant, &collection, from, &hits);
            for hit in hits.iter().take(3) {
                let best = search(hit.text.clone()).into_iter().next().map(|best| best.chunk.text);
                if best.as_ref() != Some(&hit.text) {
                    let rule = "a passage is found by its own words and meaning";
                    run.witness.accuse("G5", rule, format!("{:?} found {best:?}", hit.text));
                }
            }
        }
    }
}

/// Long after: what nobody refers to is gone.
fn check_kept(run: &Run) {
    let blobs = &run.world.behind.blobs;
    let uploads = now(blobs.old_sources(None, 0, 100_000));
    let of = |key: &DocumentKey| -> BlobUsage { now(blobs.usage(&BlobPrefix::document(key))) };
    let usage = run.witness.stories().into_keys().map(|key| (key.clone(), of(&key))).collect();
    run.witness.kept(&uploads, &usage);
}

/// What an adapter in memory answers at once.
fn now<T, E: std::fmt::Debug>(answer: impl Future<Output = Result<T, E>>) -> T {
    answer.now_or_never().expect("memory does not wait").expect("memory does not fail")
}

#[cfg(test)]
mod tests {
    use millrace_application::{StepPolicy, SweepPolicy, backoff_ms, queue_policy};

    use super::*;

    #[test]
    fn the_bound_is_that_of_the_policies() {
        let (steps, sweeps) = (StepPolicy::default(), SweepPolicy::default());
        assert_eq!(RESTART_PAUSE_MS_MAX, sweeps.pause_ms << 6);
        assert_eq!(EXHAUSTION_MS, u64::from(steps.attempts_max + 1) * (steps.lease_ms + 60_000));
        assert!((0..1_000).all(|random| backoff_ms(99, random * 997) <= BACKOFF_MS_MAX));
        assert_eq!(VISIBILITY_MS, queue_policy(QueueName::Purge, steps).visibility_timeout_ms);
    }
}
