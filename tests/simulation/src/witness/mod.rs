//! Who sees every effect as it happens and knows by itself what must hold: it folds the events of each append, follows
//! claims, publications and answers, and writes down what breaks a guarantee. It changes nothing and asks no use case.

mod answers;
mod appends;
mod deliveries;
mod final_state;
mod lawful;
mod leases;
mod moves;
mod outbox;
mod refusals;
mod search;
mod story;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use millrace_domain::{CorrelationId, DocumentKey, EventId, TenantId};
use millrace_ports::{BlobPrefix, Claim, StepKey};
use uuid::Uuid;

use crate::contents::{Contents, Nature};
use crate::label::Kind;
use crate::scheduler::Scheduler;

pub(crate) use answers::{Asked, Wish};
pub(crate) use deliveries::Permit;
pub(crate) use final_state::Found;
pub(crate) use search::SeenHit;
pub(crate) use story::{Stock, Story};

/// A guarantee that was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Its id, for example `G5`.
    pub guarantee: &'static str,
    /// What should have held, in a few words that are the same for every document.
    pub rule: &'static str,
    /// Of what, and what was found.
    pub found: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({})", self.guarantee, self.rule, self.found)
    }
}

/// What the witness remembers.
#[derive(Debug, Default)]
struct Memory {
    /// Counts appends: an instant is between two of them.
    instant: u64,
    stories: BTreeMap<DocumentKey, Story>,
    event_ids: BTreeSet<EventId>,
    owners: BTreeMap<StepKey, Uuid>,
    /// What clients have asked for, answered or not.
    wishes: BTreeSet<(DocumentKey, Wish)>,
    /// How often.
    wished: BTreeMap<(DocumentKey, Wish), u64>,
    /// What was asked under each idempotency key, and which of it was accepted first.
    requests: BTreeMap<(TenantId, String), BTreeSet<String>>,
    accepted_under: BTreeMap<(TenantId, String), String>,
    /// The hash that was announced for each URL of an upload.
    announced: refusals::Announced,
    /// What links events to what caused them: ids that requests and sweeps made.
    correlations: BTreeSet<String>,
    leases: leases::Leases,
    deliveries: deliveries::Deliveries,
    /// What was counted of a document since its purge was recorded: its index, its blobs.
    read_back: BTreeMap<DocumentKey, (bool, bool)>,
    /// What was answered under each idempotency key.
    keys: BTreeMap<(TenantId, String), answers::FirstAnswer>,
    violations: Vec<Violation>,
}

/// The witness.
#[derive(Debug)]
pub(crate) struct Witness {
    memory: Mutex<Memory>,
    contents: Arc<Contents>,
    scheduler: Arc<Scheduler>,
}

impl Witness {
    pub(crate) fn new(contents: Arc<Contents>, scheduler: Arc<Scheduler>) -> Self {
        Self { memory: Mutex::default(), contents, scheduler }
    }

    fn lock(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was broken so far.
    pub(crate) fn violations(&self) -> Vec<Violation> {
        self.lock().violations.clone()
    }

    /// Whether nothing was broken so far.
    pub(crate) fn is_content(&self) -> bool {
        self.lock().violations.is_empty()
    }

    /// Writes down what others found broken.
    pub(crate) fn accuse(&self, guarantee: &'static str, rule: &'static str, found: String) {
        self.lock().accuse(guarantee, rule, found);
    }

    /// Writes down what others found not to hold.
    pub(crate) fn holds(
        &self,
        guarantee: &'static str,
        rule: &'static str,
        holds: bool,
        found: impl FnOnce() -> String,
    ) {
        self.lock().hold(guarantee, rule, holds, found);
    }

    /// How many appends there were.
    pub(crate) fn instant(&self) -> u64 {
        self.lock().instant
    }

    /// All documents there are, as their histories have them.
    pub(crate) fn stories(&self) -> BTreeMap<DocumentKey, Story> {
        self.lock().stories.clone()
    }

    /// Documents that are owed work.
    pub(crate) fn unsettled(&self) -> Vec<String> {
        let unsettled = |(key, story): (&DocumentKey, &Story)| {
            let document = &story.document;
            let line = || format!("{} {} {:?}", key.document_id, document.status, document.residue);
            document.is_unsettled().then(line)
        };
        self.lock().stories.iter().filter_map(unsettled).collect()
    }

    /// Somebody has a claim, which is remembered for so long once it is completed.
    pub(crate) fn claimed(&self, claim: &Claim, remember_ms: u64) {
        self.scheduler.note(|| format!("  = {} attempt {}", claim.step.as_str(), claim.attempt));
        let mut memory = self.lock();
        memory.leased(claim, remember_ms, self.scheduler.now());
        memory.owners.insert(claim.step.clone(), claim.owner);
        if self.scheduler.weather.calm && claim.step.as_str().starts_with("restart/") {
            self.check_restart(&mut memory, claim);
        }
    }

    /// Where nothing goes wrong, the sweeper finds nothing to do but for contents that fail in ways of their own.
    fn check_restart(&self, memory: &mut Memory, claim: &Claim) {
        let named = |key: &DocumentKey| claim.step.as_str().contains(&key.document_id.to_string());
        let story = memory.stories.iter().find(|(key, _)| named(key)).map(|(_, story)| story);
        let hash = story.and_then(|story| story.content_of(story.document.generation));
        let nature = hash.and_then(|hash| self.contents.find(&hash)).map(|content| content.nature);
        let slow = matches!(nature, Some(Nature::Exhausting | Nature::Explosive));
        let rule = "without faults nothing is left to the sweeper";
        memory.hold("G1", rule, slow, || claim.step.as_str().to_owned());
    }

    /// Somebody completed a claim: it must still be theirs.
    pub(crate) fn completed(&self, claim: &Claim, how: &'static str) {
        let mut memory = self.lock();
        memory.completed(claim, how);
        memory.lease_completed(claim, self.scheduler.now());
    }

    /// Somebody prolonged a claim.
    pub(crate) fn prolonged(&self, claim: &Claim) {
        self.lock().prolonged(claim);
    }

    /// Somebody gave a claim back, or tried to.
    pub(crate) fn released(&self, claim: &Claim, counts: bool) {
        let by = self.scheduler.current();
        self.lock().released(claim, counts, by);
    }

    /// An id was made that links an event to its cause.
    pub(crate) fn correlates(&self, id: CorrelationId) {
        let by = self.scheduler.current().map(|task| task.kind);
        if matches!(by, Some(Kind::Request | Kind::Sweep)) {
            self.lock().correlations.insert(id.to_string());
        }
    }

    /// What a document has in the index was counted, in one space of it.
    pub(crate) fn counted_index(&self, key: &DocumentKey) {
        self.lock().read_back.entry(key.clone()).or_default().0 = true;
    }

    /// Blobs were counted.
    pub(crate) fn counted_blobs(&self, prefix: &str) {
        let mut memory = self.lock();
        let of = |key: &&DocumentKey| BlobPrefix::document(key).as_str() == prefix;
        if let Some(key) = memory.stories.keys().find(of).cloned() {
            memory.read_back.entry(key).or_default().1 = true;
        }
    }

    /// A worker failed after its message was gone: what it wrote of this document stays until its deletion.
    pub(crate) fn litters(&self, key: &DocumentKey) {
        if let Some(story) = self.lock().stories.get_mut(key) {
            story.littered = true;
        }
    }

    /// Something was written for a document, or removed outside its deletion.
    pub(crate) fn touched(&self, key: &DocumentKey) {
        if let Some(story) = self.lock().stories.get_mut(key) {
            story.touched();
        }
    }

    /// A blob was written or removed.
    pub(crate) fn stored(&self, blob: &str) {
        let mut memory = self.lock();
        let of = |key: &DocumentKey| blob.starts_with(&format!("{}/{}/", key.tenant_id, key.document_id));
        if let Some((_, story)) = memory.stories.iter_mut().find(|(key, _)| of(key)) {
            story.touched();
        }
    }
}

impl Memory {
    fn accuse(&mut self, guarantee: &'static str, rule: &'static str, found: String) {
        self.violations.push(Violation { guarantee, rule, found });
    }

    fn hold(
        &mut self,
        guarantee: &'static str,
        rule: &'static str,
        holds: bool,
        found: impl FnOnce() -> String,
    ) {
        if !holds {
            self.accuse(guarantee, rule, found());
        }
    }

    fn completed(&mut self, claim: &Claim, how: &'static str) {
        let owner = self.owners.get(&claim.step).copied();
        self.hold("G5", "only the owner of a claim completes it", owner == Some(claim.owner), || {
            format!("{} by {}, whose was {owner:?}, {how}", claim.step.as_str(), claim.owner)
        });
    }
}
