//! The one place that knows what happens next: a timeline of points at which tasks wait for their turn, and of happenings
//! such as the schedule. Every port call waits at two points, before its effect and after it, and at each the weather may
//! strike. It polls nothing itself; the run does.

use std::collections::BTreeMap;
use std::fmt;
use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use futures::FutureExt as _;
use futures::future::BoxFuture;
use millrace_domain::{DocumentKey, QueueName, Timestamp};
use millrace_ports::{Clock, ErrorKind, PortError};
use millrace_test_support::{Director, SIM_START, SimClock};

use crate::chance::Chance;
use crate::label::{Aspect, FaultPlace, Label};
use crate::trace::Trace;
use crate::weather::{Mishap, Struck, Weather};

/// Something that is not a task's turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Happening {
    /// An event source looks at its queue.
    Poll(QueueName),
    /// The stream looks at the journal.
    Relay,
    /// The schedule fires.
    Sweep,
    /// A client does what comes next.
    Client(usize),
    /// The operator moves a collection to another model, or stops a move.
    Operator,
    /// All processes die.
    PowerCut(u64),
    /// A message was given up.
    Died(QueueName),
    /// An operator puts the dead letters of a queue back.
    Redrive(QueueName),
}

/// What comes next.
pub(crate) enum Next {
    /// A task's turn.
    Turn(u64),
    /// Something else.
    Happening(Happening),
}

/// When something happens: by time, then by lot, then in the order of arrival.
type Moment = (i64, u64, u64);

enum Entry {
    Point { task: u64, waker: Waker },
    Happening(Happening),
}

/// What is known of a task.
#[derive(Debug)]
struct TaskFacts {
    label: Label,
    calls: u64,
    skew_ms: i64,
    documents: Vec<DocumentKey>,
    dying: bool,
    /// Something went wrong in it, throttling and standing still included.
    troubled: bool,
}

#[derive(Default)]
struct State {
    timeline: BTreeMap<Moment, Entry>,
    arrivals: u64,
    tasks: BTreeMap<u64, TaskFacts>,
    current: Option<u64>,
    struck: Vec<Struck>,
    /// How many faults other than throttling struck tasks that were at work on a document.
    harm: BTreeMap<DocumentKey, u32>,
    /// Documents whose task stands still, each with the end of that.
    stalled: Vec<(i64, DocumentKey)>,
    /// When the last thing that a fault put off is over.
    troubled_until: i64,
    turns: u64,
    trace: Trace,
}

/// The scheduler.
pub(crate) struct Scheduler {
    seed: u64,
    clock: Arc<SimClock>,
    pub(crate) weather: Weather,
    state: Mutex<State>,
}

impl fmt::Debug for Scheduler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scheduler").field("seed", &self.seed).finish_non_exhaustive()
    }
}

impl Scheduler {
    pub(crate) fn new(seed: u64, clock: Arc<SimClock>, weather: Weather, traced: bool) -> Self {
        let state = State { trace: Trace::new(traced), ..State::default() };
        Self { seed, clock, weather, state: Mutex::new(state) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The true time.
    pub(crate) fn now(&self) -> i64 {
        self.clock.now().as_millis()
    }

    /// Adds a line to the trace.
    pub(crate) fn note(&self, line: impl FnOnce() -> String) {
        let at_ms = self.now() - SIM_START.as_millis();
        self.lock().trace.note(at_ms, line);
    }

    pub(crate) fn take_trace(&self) -> String {
        self.lock().trace.take()
    }

    /// Faults that struck so far.
    pub(crate) fn struck(&self) -> Vec<Struck> {
        self.lock().struck.clone()
    }

    /// Whether a fault struck a task; throttling is none.
    pub(crate) fn has_struck(&self, label: Label) -> bool {
        let harmful = |struck: &&Struck| !matches!(struck.mishap, Mishap::Throttle(_));
        self.lock().struck.iter().filter(harmful).any(|struck| struck.place.label == label)
    }

    /// Turns taken so far.
    pub(crate) fn turns(&self) -> u64 {
        self.lock().turns
    }

    /// Faults but throttling that struck work on a document.
    pub(crate) fn harm(&self, key: &DocumentKey) -> u32 {
        self.lock().harm.get(key).copied().unwrap_or_default()
    }

    /// From when on nothing is late, asleep or out of reach any more.
    pub(crate) fn calm_from(&self) -> i64 {
        self.lock().troubled_until.max(self.weather.calm_from)
    }

    /// Has something happen after so many milliseconds.
    pub(crate) fn happen(&self, happening: Happening, in_ms: u64) {
        let due = self.now() + in_ms as i64;
        self.lock().enter(due, 0, Entry::Happening(happening));
    }

    /// Lets time pass, whatever was to happen meanwhile.
    pub(crate) fn pass(&self, milliseconds: i64) {
        self.clock.set(self.clock.now().plus_millis(milliseconds));
    }

    /// Makes a task known, with the documents it is about.
    pub(crate) fn begin(&self, task: u64, label: Label, documents: Vec<DocumentKey>) {
        let skew_ms = self.weather.skew_ms(label);
        let facts = TaskFacts { label, calls: 0, skew_ms, documents, dying: false, troubled: false };
        self.lock().tasks.insert(task, facts);
    }

    /// Forgets a task that ended.
    pub(crate) fn end(&self, task: u64) {
        self.lock().tasks.remove(&task);
    }

    /// Whether anything went wrong in a task.
    pub(crate) fn is_troubled(&self, task: u64) -> bool {
        self.lock().tasks.get(&task).is_some_and(|facts| facts.troubled)
    }

    /// Says whose code runs from here on.
    pub(crate) fn enter(&self, task: Option<u64>) {
        self.lock().current = task;
    }

    /// Whether a task met its death at its last turn.
    pub(crate) fn is_dying(&self, task: u64) -> bool {
        self.lock().tasks.get(&task).is_some_and(|facts| facts.dying)
    }

    /// Takes what comes next off the timeline and moves the clock there.
    pub(crate) fn next(&self) -> Option<Next> {
        let mut state = self.lock();
        let ((due, _, _), entry) = state.timeline.pop_first()?;
        if due > self.now() {
            self.clock.set(Timestamp::from_millis(due));
        }
        Some(match entry {
            Entry::Happening(happening) => Next::Happening(happening),
            Entry::Point { task, waker } => {
                state.turns += 1;
                drop(state);
                waker.wake();
                Next::Turn(task)
            }
        })
    }

    /// The task whose code runs.
    pub(crate) fn current(&self) -> Option<Label> {
        let state = self.lock();
        state.tasks.get(&state.current?).map(|facts| facts.label)
    }

    /// The place of the current call, for faults within it.
    pub(crate) fn place(&self, aspect: Aspect) -> Option<FaultPlace> {
        let state = self.lock();
        let facts = state.tasks.get(&state.current?)?;
        Some(FaultPlace { label: facts.label, call: facts.calls, aspect })
    }

    /// Writes down that a fault struck. Throttling does no harm.
    pub(crate) fn strike(&self, place: FaultPlace, name: &'static str, mishap: Mishap) {
        let struck = Struck { place, name, mishap };
        self.note(|| format!("  ! {struck}"));
        let mut state = self.lock();
        state.struck.push(struck);
        state.tasks.values_mut().filter(|f| f.label == place.label).for_each(|f| f.troubled = true);
        // A claim whose release is throttled runs out, as that of a worker that died: to the ledger they are the same.
        if matches!(mishap, Mishap::Throttle(_)) && name != "job_ledger.release" {
            return;
        }
        let at_work = |facts: &&TaskFacts| facts.label == place.label;
        let documents = state.tasks.values().find(at_work).map(|facts| facts.documents.clone());
        for document in documents.into_iter().flatten() {
            *state.harm.entry(document).or_default() += 1;
        }
    }

    /// Counts a fault against the documents of the current task, wherever the fault itself sits.
    fn harm_current(&self) {
        let mut state = self.lock();
        let current = state.current;
        let mut current = current.and_then(|task| state.tasks.get_mut(&task));
        if let Some(facts) = &mut current {
            facts.troubled = true;
        }
        for document in current.map(|facts| facts.documents.clone()).unwrap_or_default() {
            *state.harm.entry(document).or_default() += 1;
        }
    }

    /// Notes that a task stands still until then.
    fn stall(&self, task: u64, until: i64) {
        let mut state = self.lock();
        let documents = state.tasks.get(&task).map(|facts| facts.documents.clone());
        state.stalled.extend(documents.into_iter().flatten().map(|document| (until, document)));
    }

    /// A document whose task stands still now, the one that did so last. Each is named once.
    pub(crate) fn take_stalled(&self) -> Option<DocumentKey> {
        let now = self.now();
        let mut state = self.lock();
        state.stalled.retain(|(until, _)| *until > now);
        state.stalled.pop().map(|(_, document)| document)
    }

    /// Notes that something was put off until then.
    pub(crate) fn put_off(&self, by_ms: u64) {
        let until = self.now() + by_ms as i64;
        let mut state = self.lock();
        state.troubled_until = state.troubled_until.max(until);
    }

    /// One of the two points of a call.
    async fn point(&self, name: &'static str, aspect: Aspect) -> Option<PortError> {
        let (task, place) = self.arrive(aspect)?;
        let now = self.now();
        let mishap = self.weather.call(place, name, now).filter(|mishap| may_befall(*mishap, name));
        let stall_ms = match mishap {
            Some(stall @ Mishap::Stall(milliseconds)) => {
                self.put_off(milliseconds);
                self.strike(place, name, stall);
                self.stall(task, now + milliseconds as i64);
                milliseconds
            }
            _ => 0,
        };
        self.turn(task, place, self.weather.latency_ms(place) + stall_ms).await;
        self.note(|| format!("{place} {name} {aspect:?}"));
        if let Some(mishap) = mishap.filter(|_| stall_ms == 0) {
            self.strike(place, name, mishap);
        }
        match mishap {
            Some(Mishap::Fail) => return Some(refused(ErrorKind::Unavailable, name)),
            Some(Mishap::Throttle(wait)) => {
                return Some(refused(ErrorKind::Throttled, name).with_retry_after_ms(wait));
            }
            Some(Mishap::Crash) => {
                if let Some(facts) = self.lock().tasks.get_mut(&task) {
                    facts.dying = true;
                }
                return pending().await;
            }
            _ => {}
        }
        let (place, outage) = self.weather.outage(name, self.now())?;
        self.strike(place, name, outage);
        self.harm_current();
        Some(refused(ErrorKind::Unavailable, name))
    }

    /// Counts a call of the current task. A task that was never made known (the harness itself) has no points.
    fn arrive(&self, aspect: Aspect) -> Option<(u64, FaultPlace)> {
        let mut state = self.lock();
        let task = state.current?;
        let facts = state.tasks.get_mut(&task)?;
        if aspect == Aspect::Before {
            facts.calls += 1;
        }
        Some((task, FaultPlace { label: facts.label, call: facts.calls, aspect }))
    }

    fn turn(&self, task: u64, place: FaultPlace, in_ms: u64) -> Turn<'_> {
        let [kind, number, call, aspect] = place.words();
        let lot = Chance::of(&[self.seed, 8, kind, number, call, aspect]).next();
        Turn { scheduler: self, task, due: self.now() + in_ms as i64, lot, moment: None }
    }

    /// How far the current task's clock is off.
    fn skew_ms(&self) -> i64 {
        let state = self.lock();
        let facts = state.current.and_then(|task| state.tasks.get(&task));
        facts.map_or(0, |facts| facts.skew_ms)
    }
}

impl State {
    fn enter(&mut self, due: i64, lot: u64, entry: Entry) -> Moment {
        self.arrivals += 1;
        let moment = (due, lot, self.arrivals);
        self.timeline.insert(moment, entry);
        moment
    }
}

/// A parser knows no throttling.
fn may_befall(mishap: Mishap, name: &str) -> bool {
    !(matches!(mishap, Mishap::Throttle(_)) && name.starts_with("text_extractor"))
}

fn refused(kind: ErrorKind, name: &'static str) -> PortError {
    PortError::caused(kind, name, "the weather says so")
}

/// Waits for its place on the timeline. Dropped, it leaves it.
struct Turn<'a> {
    scheduler: &'a Scheduler,
    task: u64,
    due: i64,
    lot: u64,
    moment: Option<Moment>,
}

impl Future for Turn<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.scheduler.lock();
        let Some(moment) = self.moment else {
            let point = Entry::Point { task: self.task, waker: context.waker().clone() };
            let moment = state.enter(self.due, self.lot, point);
            drop(state);
            self.moment = Some(moment);
            return Poll::Pending;
        };
        match state.timeline.get_mut(&moment) {
            None => Poll::Ready(()),
            Some(Entry::Point { waker, .. }) => {
                waker.clone_from(context.waker());
                Poll::Pending
            }
            Some(Entry::Happening(_)) => unreachable!("a point's moment holds the point"),
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if let Some(moment) = self.moment {
            self.scheduler.lock().timeline.remove(&moment);
        }
    }
}

impl Director for Scheduler {
    fn before(&self, name: &'static str) -> BoxFuture<'_, Option<PortError>> {
        self.point(name, Aspect::Before).boxed()
    }

    fn after(&self, name: &'static str) -> BoxFuture<'_, Option<PortError>> {
        self.point(name, Aspect::After).boxed()
    }
}

/// A worker's clock: the true time, and how far its task's machine is off.
#[derive(Debug)]
pub(crate) struct WorkerClock(pub(crate) Arc<Scheduler>);

impl Clock for WorkerClock {
    fn now(&self) -> Timestamp {
        self.0.clock.now().plus_millis(self.0.skew_ms())
    }
}
