//! What goes wrong, where and when: rules that the proxy asks about each request of a function. A rule is about one tenant, so
//! that tests do not disturb each other; a request is that tenant's if it names it.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

/// What a request is, as far as faults care.
#[derive(Clone)]
pub(crate) struct Call {
    /// The function that makes it.
    pub(crate) function: String,
    /// The service, and what is asked of it: `dynamodb TransactWriteItems`, `s3 PUT`.
    pub(crate) operation: String,
    /// Path and query.
    pub(crate) target: String,
    /// The body.
    pub(crate) body: Bytes,
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.operation)
    }
}

impl Call {
    fn names(&self, tenant: &str) -> bool {
        let in_body = self.body.windows(tenant.len()).any(|window| window == tenant.as_bytes());
        in_body || self.target.contains(tenant)
    }

    /// Whether it changes something.
    pub(crate) fn is_write(&self) -> bool {
        let name = self.operation.split(' ').nth(1).unwrap_or_default();
        let reads = ["Get", "Query", "BatchGet", "List", "Scan", "GET", "HEAD", "Describe", "Receive"];
        !reads.iter().any(|read| name.starts_with(read))
    }
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The connection breaks before the request arrives.
    CutBefore,
    /// The request takes effect; its answer is lost.
    CutAfter,
    /// The worker dies before the request arrives.
    KillBefore,
    /// The request takes effect; the worker dies before the answer.
    KillAfter,
    /// The service has no capacity for it.
    Throttle,
    /// The service fails.
    Fail,
}

/// Which requests a rule counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Counted {
    /// Those that change something.
    Writes,
    /// Those whose operation begins so.
    Operation(&'static str),
    /// All.
    All,
}

/// Requests of one function about one tenant that go wrong: of those that count, `times` from the `first`.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    /// Whose.
    pub(crate) tenant: String,
    /// By which function.
    pub(crate) function: &'static str,
    /// Which count.
    pub(crate) counted: Counted,
    /// The first that goes wrong, from 0.
    pub(crate) first: usize,
    /// How many go wrong.
    pub(crate) times: usize,
    /// How.
    pub(crate) fault: Fault,
}

impl Rule {
    fn counts(&self, call: &Call) -> bool {
        let kind = match self.counted {
            Counted::Writes => call.is_write(),
            Counted::Operation(prefix) => call.operation.starts_with(prefix),
            Counted::All => true,
        };
        kind && self.function == call.function && call.names(&self.tenant)
    }
}

#[derive(Debug)]
struct Active {
    rule: Rule,
    seen: usize,
    fired: usize,
}

/// The rules that hold now, and what was asked about tenants that are watched.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    active: Mutex<Vec<Active>>,
    watched: Mutex<Vec<(String, Vec<Call>)>>,
}

impl Faults {
    /// Adds a rule.
    pub(crate) fn add(&self, rule: Rule) {
        self.rules().push(Active { rule, seen: 0, fired: 0 });
    }

    /// Takes the rules of a tenant out; gives how many requests each of them made go wrong.
    pub(crate) fn end(&self, tenant: &str) -> Vec<usize> {
        let mut rules = self.rules();
        let fired = rules.iter().filter(|active| active.rule.tenant == tenant).map(|active| active.fired);
        let fired = fired.collect();
        rules.retain(|active| active.rule.tenant != tenant);
        fired
    }

    /// How many requests of a tenant went wrong.
    pub(crate) fn fired(&self, tenant: &str) -> usize {
        let rules = self.rules();
        rules.iter().filter(|active| active.rule.tenant == tenant).map(|active| active.fired).sum()
    }

    /// Keeps what is asked about a tenant from now on.
    pub(crate) fn watch(&self, tenant: &str) {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner).push((tenant.to_owned(), Vec::new()));
    }

    /// What a function asked about a tenant that is watched, in order.
    pub(crate) fn calls_of(&self, function: &str, tenant: &str) -> Vec<Call> {
        let watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        let calls = watched.iter().filter(|(of, _)| of == tenant).flat_map(|(_, calls)| calls);
        calls.filter(|call| call.function == function).cloned().collect()
    }

    /// What becomes of a request.
    pub(crate) fn next(&self, call: &Call) -> Option<Fault> {
        for (tenant, calls) in self.watched.lock().unwrap_or_else(PoisonError::into_inner).iter_mut() {
            if call.names(tenant) {
                calls.push(call.clone());
            }
        }
        for active in self.rules().iter_mut().filter(|active| active.rule.counts(call)) {
            let rule = &active.rule;
            let fires = (rule.first..rule.first.saturating_add(rule.times)).contains(&active.seen);
            active.seen += 1;
            if fires {
                active.fired += 1;
                // A request may be about several tenants. It comes again for those whose rules were not asked.
                return Some(active.rule.fault);
            }
        }
        None
    }

    fn rules(&self) -> MutexGuard<'_, Vec<Active>> {
        self.active.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
