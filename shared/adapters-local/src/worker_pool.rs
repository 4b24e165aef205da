//! Threads for work that would hold up the async runtime: searching, analysing, the file system. In its inline form
//! it has no threads and does the work on the spot, so that a simulation is the same every time.

use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use millrace_ports::{ErrorKind, PortError};
use tokio::sync::oneshot;

type Work = Box<dyn FnOnce() + Send>;

/// The threads. Clones share them; they end when the last clone is dropped and what waits is done.
#[derive(Clone)]
pub struct WorkerPool {
    threads: Option<Arc<Threads>>,
}

struct Threads {
    inbox: Arc<Inbox>,
}

#[derive(Default)]
struct Inbox {
    waiting: Mutex<Waiting>,
    arrived: Condvar,
}

#[derive(Default)]
struct Waiting {
    work: VecDeque<Work>,
    closed: bool,
}

impl fmt::Debug for WorkerPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.threads.is_some() { "WorkerPool(threads)" } else { "WorkerPool(inline)" })
    }
}

impl WorkerPool {
    /// No threads: work is done in the first poll of its future.
    pub const fn inline() -> Self {
        Self { threads: None }
    }

    /// Starts `count` threads, at least 1, under a name.
    pub fn start(name: &str, count: usize) -> Result<Self, PortError> {
        let threads = Threads { inbox: Arc::new(Inbox::default()) };
        for number in 0..count.max(1) {
            let inbox = Arc::clone(&threads.inbox);
            thread::Builder::new().name(format!("{name}-{number}")).spawn(move || run(&inbox)).map_err(
                |error| PortError::caused(ErrorKind::Unavailable, format!("start thread {name}"), error),
            )?;
        }
        Ok(Self { threads: Some(Arc::new(threads)) })
    }

    /// Does some work on one of the threads. A panic in it is an error of its own.
    pub async fn run<T, F>(&self, attempted: &str, work: F) -> Result<T, PortError>
    where
        T: Send + 'static,
        F: FnOnce() -> Result<T, PortError> + Send + 'static,
    {
        let guarded = || catch_unwind(AssertUnwindSafe(work));
        let result = match &self.threads {
            None => guarded().ok(),
            Some(threads) => {
                let (reply, answer) = oneshot::channel();
                // A caller that went away has no use for the answer.
                threads.submit(Box::new(move || drop(reply.send(guarded().ok()))));
                answer.await.ok().flatten()
            }
        };
        let panicked =
            || PortError::caused(ErrorKind::Unavailable, attempted, "the work panicked or was abandoned");
        result.unwrap_or_else(|| Err(panicked()))
    }
}

impl Threads {
    fn submit(&self, work: Work) {
        self.inbox.lock().work.push_back(work);
        self.inbox.arrived.notify_one();
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.inbox.lock().closed = true;
        self.inbox.arrived.notify_all();
    }
}

impl Inbox {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // A queue of work is sound whatever panicked while it was locked.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next(&self) -> Option<Work> {
        let mut waiting = self.lock();
        loop {
            if let Some(work) = waiting.work.pop_front() {
                return Some(work);
            }
            if waiting.closed {
                return None;
            }
            waiting = self.arrived.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

fn run(inbox: &Inbox) {
    while let Some(work) = inbox.next() {
        work();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_is_answered_and_a_panic_is_its_own_error() {
        for pool in [WorkerPool::inline(), WorkerPool::start("test", 2).unwrap()] {
            let panicked = pool.run("panic", || -> Result<(), _> { panic!("on purpose") }).await;
            assert_eq!(panicked.unwrap_err().kind, ErrorKind::Unavailable);
            let numbers = (0..100).map(|n| pool.run("number", move || Ok(n)));
            let numbers: Result<Vec<_>, _> = futures::future::join_all(numbers).await.into_iter().collect();
            assert_eq!(numbers.unwrap(), (0..100).collect::<Vec<_>>());
        }
    }
}
