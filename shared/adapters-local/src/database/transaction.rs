//! One transaction that carries many writes, each in a savepoint of its own: a write that fails takes back only
//! itself. Which writes go together is decided elsewhere.

use std::panic::{AssertUnwindSafe, catch_unwind};

use millrace_ports::PortError;
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::errors::{named, not_committed, panicked};

/// A write on its way through a transaction.
pub(super) trait Task: Send {
    /// Does the work; whether it is to be kept.
    fn run(&mut self, connection: &Connection) -> bool;

    /// Called once the transaction's fate is known, in the order of the runs; answers the caller.
    fn settle(self: Box<Self>, committed: Result<(), PortError>);
}

/// The only task there is: a closure, what follows its commit, and where the answer goes.
pub(super) struct Write<T, F, A> {
    pub(super) attempted: String,
    pub(super) work: Option<F>,
    pub(super) after_commit: A,
    pub(super) result: Option<Result<T, PortError>>,
    pub(super) reply: oneshot::Sender<Result<T, PortError>>,
}

impl<T, F, A> Task for Write<T, F, A>
where
    T: Send,
    F: FnOnce(&Connection) -> Result<T, PortError> + Send,
    A: FnOnce(&T) + Send,
{
    fn run(&mut self, connection: &Connection) -> bool {
        let Some(work) = self.work.take() else { return false };
        let result = guarded(|| work(connection));
        let keep = result.is_ok();
        self.result = Some(result);
        keep
    }

    fn settle(self: Box<Self>, committed: Result<(), PortError>) {
        let Self { attempted, after_commit, result, reply, .. } = *self;
        let result = match (result, committed) {
            (Some(Ok(value)), Ok(())) => {
                if catch_unwind(AssertUnwindSafe(|| after_commit(&value))).is_err() {
                    tracing::error!(attempted, "what follows a commit panicked; the commit stands");
                }
                Ok(value)
            }
            (Some(Err(error)), _) | (_, Err(error)) => Err(error),
            (None, Ok(())) => Err(not_committed("the write was not run")),
        };
        // A caller that went away has no use for the answer.
        let _ = reply.send(result.map_err(|error| named(error, &attempted)));
    }
}

/// Runs a closure of a caller so that its panic becomes its error.
pub(super) fn guarded<T>(work: impl FnOnce() -> Result<T, PortError>) -> Result<T, PortError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|payload| Err(panicked(&*payload)))
}

/// Runs all that `next` gives in one transaction, commits, and settles them in order.
pub(super) fn commit_together(connection: &Connection, mut next: impl FnMut() -> Option<Box<dyn Task>>) {
    let mut staged = Vec::new();
    let outcome = stage(connection, &mut next, &mut staged).and_then(|()| execute(connection, "COMMIT"));
    if let Err(error) = &outcome {
        tracing::warn!(%error, writes = staged.len(), "a group of writes was not committed");
        if !connection.is_autocommit() {
            let _ = execute(connection, "ROLLBACK");
        }
        if staged.is_empty() {
            // It could not even begin; whoever waited is told rather than tried again at once.
            staged.extend(std::iter::from_fn(next));
        }
    }
    let outcome = outcome.map_err(|error| error.to_string());
    for task in staged {
        task.settle(outcome.as_ref().map_err(|cause| not_committed(cause)).copied());
    }
}

fn stage(
    connection: &Connection,
    next: &mut impl FnMut() -> Option<Box<dyn Task>>,
    staged: &mut Vec<Box<dyn Task>>,
) -> rusqlite::Result<()> {
    execute(connection, "BEGIN IMMEDIATE")?;
    while let Some(mut task) = next() {
        let ran = run_in_savepoint(connection, &mut *task);
        staged.push(task);
        ran?;
    }
    Ok(())
}

/// An error means that the whole transaction is lost, which SQLite does on a full disk and the like.
fn run_in_savepoint(connection: &Connection, task: &mut dyn Task) -> rusqlite::Result<()> {
    execute(connection, "SAVEPOINT one_write")?;
    let keep = task.run(connection);
    if !keep && !connection.is_autocommit() {
        execute(connection, "ROLLBACK TO one_write")?;
    }
    execute(connection, "RELEASE one_write")
}

/// Runs a statement without parameters or rows.
pub(super) fn execute(connection: &Connection, statement: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(statement)?.execute([]).map(drop)
}
