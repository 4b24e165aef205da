//! The reader threads: a few connections that only read, each query in a transaction of its own so that it sees one
//! instant. They never wait for the writer, nor it for them.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use millrace_ports::{ErrorKind, PortError};
use rusqlite::Connection;

use super::connection::open_reader;
use super::transaction::execute;

/// A query that answers its caller itself.
pub(super) type Query = Box<dyn FnOnce(&Connection) + Send>;

/// Sends queries to the threads. Dropping it ends them.
pub(super) struct Readers {
    inbox: Arc<Inbox>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Inbox {
    waiting: Mutex<Waiting>,
    arrived: Condvar,
}

#[derive(Default)]
struct Waiting {
    queries: VecDeque<Query>,
    closed: bool,
}

impl Readers {
    pub(super) fn start(path: &Path, count: usize) -> Result<Self, PortError> {
        let mut readers = Self { inbox: Arc::new(Inbox::default()), threads: Vec::new() };
        for number in 0..count.max(1) {
            let connection = open_reader(path)?;
            let inbox = Arc::clone(&readers.inbox);
            let thread = thread::Builder::new()
                .name(format!("millrace-reader-{number}"))
                .spawn(move || run(&connection, &inbox))
                .map_err(|error| PortError::caused(ErrorKind::Unavailable, "start a reader thread", error))?;
            readers.threads.push(thread);
        }
        Ok(readers)
    }

    pub(super) fn submit(&self, query: Query) {
        self.inbox.lock().queries.push_back(query);
        self.inbox.arrived.notify_one();
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.inbox.lock().closed = true;
        self.inbox.arrived.notify_all();
        for thread in self.threads.drain(..) {
            // The last handle may be dropped by a query, whose thread must not wait for itself.
            if thread.thread().id() != thread::current().id() {
                let _ = thread.join();
            }
        }
    }
}

impl Inbox {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // A queue of queries is sound whatever panicked while it was locked.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next(&self) -> Option<Query> {
        let mut waiting = self.lock();
        loop {
            if let Some(query) = waiting.queries.pop_front() {
                return Some(query);
            }
            if waiting.closed {
                return None;
            }
            waiting = self.arrived.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

fn run(connection: &Connection, inbox: &Inbox) {
    while let Some(query) = inbox.next() {
        if let Err(error) = execute(connection, "BEGIN") {
            tracing::warn!(%error, "a query runs without a transaction of its own");
        }
        query(connection);
        if !connection.is_autocommit() {
            let _ = execute(connection, "COMMIT");
        }
    }
}
