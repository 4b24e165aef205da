//! Which port call goes wrong, and how: one plan is shared by the fault decorators of all ports of a simulated process, and
//! counts their calls in order. It breaks nothing by itself and chooses nothing at random; whoever arms it does. A
//! director in its place decides at every call, and lets calls wait for their turn.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use futures::future::BoxFuture;
use millrace_ports::{ErrorKind, PortError};

/// How a call goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It answers `Unavailable` and did nothing.
    FailBefore,
    /// It did its work and the answer is lost: `Unavailable`.
    FailAfter,
    /// It does not answer and does nothing, until the plan is told to resume: a process that stands still, or, if its
    /// work is dropped, one that died.
    HaltBefore,
    /// The same, after its work is done.
    HaltAfter,
}

impl Fault {
    /// All ways.
    pub const ALL: [Self; 4] = [Self::FailBefore, Self::FailAfter, Self::HaltBefore, Self::HaltAfter];
}

/// A call that went wrong: for messages of failed tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fired {
    /// Which call since the plan was armed, from 0.
    pub number: usize,
    /// Its port and method.
    pub name: &'static str,
    /// How.
    pub fault: Fault,
}

impl fmt::Display for Fired {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} at call {} ({})", self.fault, self.number, self.name)
    }
}

/// Where a fault sits.
#[derive(Debug, Clone, Copy)]
enum Trigger {
    Number(usize),
    Name(&'static str),
}

#[derive(Debug, Default)]
struct State {
    calls: Vec<&'static str>,
    armed: Vec<(Trigger, Fault)>,
    fired: Vec<Fired>,
    halted: bool,
    /// How often a call has halted.
    halts: u64,
    /// Of halted calls: executors of many futures poll only those that were woken.
    wakers: Vec<Waker>,
}

/// Decides at every call what becomes of it: how a simulation interleaves calls and breaks them.
pub trait Director: Send + Sync + fmt::Debug {
    /// Waits until it is the call's turn. An error is its answer, and it does nothing.
    fn before(&self, name: &'static str) -> BoxFuture<'_, Option<PortError>>;

    /// Waits until it is the answer's turn, the work being done. An error is the answer in its place.
    fn after(&self, name: &'static str) -> BoxFuture<'_, Option<PortError>>;
}

/// The plan. Unarmed, it lets every call pass and counts it.
#[derive(Debug, Default)]
pub struct FaultPlan {
    state: Mutex<State>,
    director: Option<Arc<dyn Director>>,
}

impl FaultPlan {
    /// A plan without faults.
    pub fn new() -> Self {
        Self::default()
    }

    /// No plan: a director decides about every call.
    pub fn directed(director: Arc<dyn Director>) -> Self {
        Self { director: Some(director), ..Self::default() }
    }

    /// Starts counting anew, with these faults, each at the call of that number from 0.
    pub fn arm(&self, faults: &[(usize, Fault)]) {
        let armed = faults.iter().map(|(number, fault)| (Trigger::Number(*number), *fault)).collect();
        self.start(armed);
    }

    /// Starts counting anew, with a fault at the next call of this name, for example `event_store.append`.
    pub fn arm_next(&self, name: &'static str, fault: Fault) {
        self.arm_next_of(&[(name, fault)]);
    }

    /// The same with several names, each at its own next call.
    pub fn arm_next_of(&self, faults: &[(&'static str, Fault)]) {
        self.start(faults.iter().map(|(name, fault)| (Trigger::Name(name), *fault)).collect());
    }

    /// Calls that halt go on halting.
    fn start(&self, armed: Vec<(Trigger, Fault)>) {
        let mut state = self.lock();
        (state.armed, state.calls, state.fired) = (armed, Vec::new(), Vec::new());
    }

    /// Lets halted calls go on, once their work is driven again.
    pub fn resume(&self) {
        let mut state = self.lock();
        state.halted = false;
        state.wakers.drain(..).for_each(Waker::wake);
    }

    /// The names of all calls since the plan was armed.
    pub fn calls(&self) -> Vec<&'static str> {
        self.lock().calls.clone()
    }

    /// What went wrong since the plan was armed.
    pub fn fired(&self) -> Vec<Fired> {
        self.lock().fired.clone()
    }

    /// Drives some work until it is done or one of its calls halts. Then the work can be dropped, as if its process had
    /// died, or, after `resume`, be driven on, as if it had stood still.
    pub async fn until_halt<F: Future + ?Sized>(&self, mut work: Pin<&mut F>) -> Option<F::Output> {
        // Other work may stand still meanwhile, and this one wait for something else.
        let halts = self.lock().halts;
        poll_fn(|context| match work.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if self.lock().halts > halts => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        })
        .await
    }

    /// Makes a call, or lets it go wrong.
    pub async fn call<T>(
        &self,
        name: &'static str,
        effect: impl Future<Output = Result<T, PortError>>,
    ) -> Result<T, PortError> {
        self.call_with(name, effect, Err).await
    }

    /// The same for a call whose answer is not one result; `failed` makes the answer of one that failed.
    pub async fn call_with<T>(
        &self,
        name: &'static str,
        effect: impl Future<Output = T>,
        failed: impl FnOnce(PortError) -> T,
    ) -> T {
        if let Some(director) = &self.director {
            if let Some(error) = director.before(name).await {
                return failed(error);
            }
            let answer = effect.await;
            return director.after(name).await.map_or(answer, failed);
        }
        let unavailable = || PortError::caused(ErrorKind::Unavailable, name, "the plan says so");
        match self.next(name) {
            None => effect.await,
            Some(Fault::FailBefore) => failed(unavailable()),
            Some(Fault::FailAfter) => {
                drop(effect.await);
                failed(unavailable())
            }
            Some(Fault::HaltBefore) => {
                self.halt().await;
                effect.await
            }
            Some(Fault::HaltAfter) => {
                let answer = effect.await;
                self.halt().await;
                answer
            }
        }
    }

    async fn halt(&self) {
        {
            let mut state = self.lock();
            state.halted = true;
            state.halts += 1;
        }
        poll_fn(|context| {
            let mut state = self.lock();
            if !state.halted {
                return Poll::Ready(());
            }
            state.wakers.push(context.waker().clone());
            Poll::Pending
        })
        .await;
    }

    /// Counts a call; the fault that sits at it, if any.
    fn next(&self, name: &'static str) -> Option<Fault> {
        let mut state = self.lock();
        let number = state.calls.len();
        state.calls.push(name);
        let here = |(trigger, _): &(Trigger, Fault)| match trigger {
            Trigger::Number(at) => *at == number,
            Trigger::Name(wanted) => *wanted == name,
        };
        let at = state.armed.iter().position(here)?;
        let (_, fault) = state.armed.remove(at);
        state.fired.push(Fired { number, name, fault });
        Some(fault)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    /// Calls a port twice; gives how often each effect happened and the answers.
    async fn two_calls(plan: &FaultPlan, effects: &AtomicU32) -> [bool; 2] {
        let effect = async || {
            effects.fetch_add(1, Ordering::SeqCst);
            Ok(())
        };
        [plan.call("port.one", effect()).await.is_ok(), plan.call("port.two", effect()).await.is_ok()]
    }

    #[tokio::test]
    async fn a_call_fails_before_or_after_its_effect() {
        for (fault, expected) in [(Fault::FailBefore, 1), (Fault::FailAfter, 2)] {
            let (plan, effects) = (FaultPlan::new(), AtomicU32::new(0));
            plan.arm(&[(1, fault)]);
            let answers = two_calls(&plan, &effects).await;
            assert_eq!((answers, effects.into_inner()), ([true, false], expected));
            assert_eq!(plan.fired(), [Fired { number: 1, name: "port.two", fault }]);
        }
    }

    #[tokio::test]
    async fn a_halted_call_goes_on_when_told_and_never_if_it_is_dropped() {
        for (fault, done_at_halt) in [(Fault::HaltBefore, 0), (Fault::HaltAfter, 1)] {
            let (plan, effects) = (FaultPlan::new(), AtomicU32::new(0));
            plan.arm_next("port.one", fault);
            let mut work = Box::pin(two_calls(&plan, &effects));
            assert_eq!(plan.until_halt(work.as_mut()).await, None);
            assert_eq!(effects.load(Ordering::SeqCst), done_at_halt);
            plan.resume();
            assert_eq!(work.await, [true, true]);
            assert_eq!(effects.load(Ordering::SeqCst), 2);
        }
    }
}
