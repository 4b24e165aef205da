//! What must hold of claims: one owner at a time until its lease ends, attempts that are counted as they were spent, and a
//! completed step that stays completed. The clocks of workers differ, and leases are compared with theirs.

use std::collections::BTreeMap;

use millrace_ports::{Claim, StepKey};
use uuid::Uuid;

use super::Memory;
use crate::label::Label;
use crate::weather::SKEW_MS_MAX;

/// How far the clocks of two workers are apart at most, in milliseconds.
const CLOCKS_APART_MS: i64 = 2 * SKEW_MS_MAX as i64;
/// The pause after the first restart of a document by the sweeper, in milliseconds, and how often it doubles.
const RESTART_PAUSE_MS: i64 = 120_000;
const RESTART_DOUBLINGS: u32 = 6;
/// Attempts that a step has before it is given up.
const ATTEMPTS_MAX: u32 = 6;

/// What became of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Held,
    /// Given back; whether the attempt counts.
    Released {
        counts: bool,
    },
    Completed {
        at: i64,
    },
}

/// A claim as the witness knows it.
#[derive(Debug, Clone)]
struct Lease {
    owner: Uuid,
    /// Since when, until when, and whether that was prolonged.
    from: i64,
    until: i64,
    prolonged: bool,
    attempt: u32,
    remember_ms: i64,
    fate: Fate,
}

/// The last claim of each step, and the attempts that each task gave up and has not put off yet.
#[derive(Debug, Default)]
pub(super) struct Leases {
    last: BTreeMap<StepKey, Lease>,
    given_up: BTreeMap<(StepKey, Label), Vec<u32>>,
}

impl Leases {
    /// The number of the last attempt at a step.
    pub(super) fn last_attempt(&self, step: &StepKey) -> u32 {
        self.last.get(step).map_or(0, |lease| lease.attempt)
    }

    /// The attempts at a step that a task gave up, of which one is being put off now.
    pub(super) fn given_up(&mut self, step: &StepKey, by: Label) -> Option<&mut Vec<u32>> {
        self.given_up.get_mut(&(step.clone(), by)).filter(|attempts| !attempts.is_empty())
    }
}

impl Lease {
    /// Whether the sweeper has waited since this restart: longer each time, unless it died before it could say so. One that
    /// failed it gave back.
    fn has_paused(&self, now: i64) -> bool {
        if let Fate::Released { .. } = self.fate {
            return true;
        }
        let times = if self.prolonged { self.attempt.saturating_sub(1).min(RESTART_DOUBLINGS) } else { 0 };
        now + CLOCKS_APART_MS >= self.from + (RESTART_PAUSE_MS << times)
    }
}

impl Memory {
    /// Somebody was given a claim. What the ledger forgot in time it may give anew.
    pub(super) fn leased(&mut self, claim: &Claim, remember_ms: u64, now: i64) {
        let remember_ms = i64::try_from(remember_ms).unwrap_or(i64::MAX / 4);
        let line = || format!("{} attempt {} by {}", claim.step.as_str(), claim.attempt, claim.owner);
        let before = self.leases.last.get(&claim.step).cloned();
        if let Some(before) = before.filter(|before| before.owner != claim.owner) {
            let ended = match before.fate {
                Fate::Completed { at } => at,
                Fate::Held | Fate::Released { .. } => before.until,
            };
            let forgotten = now + CLOCKS_APART_MS >= ended.saturating_add(before.remember_ms);
            let free = before.fate != Fate::Held || now + CLOCKS_APART_MS >= before.until;
            self.hold("G2", "a claim that is held is nobody else's", free, line);
            let open = !matches!(before.fate, Fate::Completed { .. });
            self.hold("G2", "a completed step is remembered", open || forgotten, line);
            let spent = !matches!(before.fate, Fate::Released { counts: false });
            let counted = claim.attempt == before.attempt + u32::from(spent);
            self.hold("G9", "attempts are counted as they are spent", counted || forgotten, line);
            let given_up = matches!(before.fate, Fate::Released { counts: true })
                && before.attempt >= ATTEMPTS_MAX
                && ["ingest/", "embed/"].iter().any(|step| claim.step.as_str().starts_with(step));
            self.hold("G1", "the last permitted attempt is the last", !given_up || forgotten, line);
            let paused = !claim.step.as_str().starts_with("restart/") || before.has_paused(now);
            self.hold("G1", "the sweeper gives time to what it restarted", paused || forgotten, line);
        }
        let lease = Lease {
            owner: claim.owner,
            from: now,
            until: claim.expires_at.as_millis(),
            prolonged: false,
            attempt: claim.attempt,
            remember_ms,
            fate: Fate::Held,
        };
        self.leases.last.insert(claim.step.clone(), lease);
    }

    /// A lease was prolonged.
    pub(super) fn prolonged(&mut self, claim: &Claim) {
        let lease = self.leases.last.get_mut(&claim.step).filter(|lease| lease.owner == claim.owner);
        match lease {
            Some(lease) => (lease.until, lease.prolonged) = (claim.expires_at.as_millis(), true),
            None => {
                let line = format!("{} by {}", claim.step.as_str(), claim.owner);
                self.accuse("G2", "only the owner of a claim prolongs it", line);
            }
        }
    }

    /// A claim was given back; that of somebody else is not touched.
    pub(super) fn released(&mut self, claim: &Claim, counts: bool, by: Option<Label>) {
        let lease = self.leases.last.get_mut(&claim.step);
        let held = |lease: &&mut Lease| lease.owner == claim.owner && lease.fate == Fate::Held;
        let Some(lease) = lease.filter(held) else { return };
        lease.fate = Fate::Released { counts };
        if let Some(by) = by.filter(|_| counts) {
            let attempt = lease.attempt;
            self.leases.given_up.entry((claim.step.clone(), by)).or_default().push(attempt);
        }
    }

    /// A claim was completed; the first time counts.
    pub(super) fn lease_completed(&mut self, claim: &Claim, now: i64) {
        let lease = self.leases.last.get_mut(&claim.step);
        let open =
            |lease: &&mut Lease| lease.owner == claim.owner && !matches!(lease.fate, Fate::Completed { .. });
        if let Some(lease) = lease.filter(open) {
            lease.fate = Fate::Completed { at: now };
        }
    }
}
