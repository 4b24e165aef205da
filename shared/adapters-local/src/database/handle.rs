//! `Database`: what the adapters hold. On a file it hands closures to threads; in memory it runs them on the spot,
//! without threads or waiting, so that a simulation is the same every time.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use millrace_ports::PortError;
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::connection::{open_in_memory, open_writer, reserve_log};
use super::errors::{named, not_committed};
use super::migrations::migrate;
use super::readers::Readers;
use super::transaction::{Task, Write, commit_together, guarded};
use super::writer::{Priority, Writer};

/// What can be set about a database on a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DatabaseOptions {
    /// Threads that read, each with a connection and a page cache of its own; at least 1.
    pub readers: usize,
}

impl Default for DatabaseOptions {
    fn default() -> Self {
        Self { readers: 3 }
    }
}

/// The database. Clones share it; when the last one is dropped, what waits is written and the file closed.
#[derive(Clone)]
pub struct Database {
    engine: Arc<Engine>,
}

enum Engine {
    OnFile { writer: Writer, readers: Readers },
    InMemory(Mutex<Connection>),
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_in_memory() { "Database(in memory)" } else { "Database(on file)" })
    }
}

impl Database {
    /// Opens or creates the database on a file, with the default options.
    pub fn open(path: &Path) -> Result<Self, PortError> {
        Self::open_with(path, DatabaseOptions::default())
    }

    /// Opens or creates the database on a file. One of a newer format is refused.
    pub fn open_with(path: &Path, options: DatabaseOptions) -> Result<Self, PortError> {
        let connection = open_writer(path)?;
        let attempted = format!("open database {}", path.display());
        migrate(&connection).map_err(|error| named(error, &attempted))?;
        reserve_log(path)?;
        let writer = Writer::start(connection, open_writer(path)?)?;
        let readers = Readers::start(path, options.readers)?;
        Ok(Self { engine: Arc::new(Engine::OnFile { writer, readers }) })
    }

    /// Makes a database that lives in memory, without threads: closures run in the first poll of their future.
    pub fn open_in_memory() -> Result<Self, PortError> {
        let connection = open_in_memory()?;
        migrate(&connection).map_err(|error| named(error, "create a database in memory"))?;
        Ok(Self { engine: Arc::new(Engine::InMemory(Mutex::new(connection))) })
    }

    /// Whether it lives in memory, where waiting for something to happen would wait for ever.
    pub fn is_in_memory(&self) -> bool {
        matches!(*self.engine, Engine::InMemory(_))
    }

    /// Runs a closure that writes, and answers once what it wrote survives a power cut. If it fails, nothing of it
    /// is kept. It shares a transaction with others, so it must neither begin nor end one, and should be short.
    pub async fn write<T, F>(&self, attempted: impl Into<String>, work: F) -> Result<T, PortError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, PortError> + Send + 'static,
    {
        self.enqueue(Priority::Durable, attempted.into(), work, |_| ()).await
    }

    /// As `write`, and after the commit, before the answer, runs `after_commit` on the result; in commit order,
    /// one at a time. It must be quick and must not use the database.
    pub async fn write_then<T, F, A>(
        &self,
        attempted: impl Into<String>,
        work: F,
        after_commit: A,
    ) -> Result<T, PortError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, PortError> + Send + 'static,
        A: FnOnce(&T) + Send + 'static,
    {
        self.enqueue(Priority::Durable, attempted.into(), work, after_commit).await
    }

    /// As `write`, but the answer does not wait for the disk. It survives the end of the process; a power cut may take
    /// it back, though only together with everything that came after it. For what is harmless then, because whoever
    /// relied on it went down as well: taking a message, advancing a cursor, claiming a step.
    pub async fn write_relaxed<T, F>(&self, attempted: impl Into<String>, work: F) -> Result<T, PortError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, PortError> + Send + 'static,
    {
        self.enqueue(Priority::Relaxed, attempted.into(), work, |_| ()).await
    }

    /// As `write_relaxed`, but lets others go first. For workers' output, in slices of a few milliseconds of work each;
    /// the append that reports the work is a `write`, and takes it to the disk.
    pub async fn write_bulk<T, F>(&self, attempted: impl Into<String>, work: F) -> Result<T, PortError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, PortError> + Send + 'static,
    {
        self.enqueue(Priority::Bulk, attempted.into(), work, |_| ()).await
    }

    /// As `write_bulk`, with what follows the commit.
    pub async fn write_bulk_then<T, F, A>(
        &self,
        attempted: impl Into<String>,
        work: F,
        after_commit: A,
    ) -> Result<T, PortError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, PortError> + Send + 'static,
        A: FnOnce(&T) + Send + 'static,
    {
        self.enqueue(Priority::Bulk, attempted.into(), work, after_commit).await
    }

    /// Runs a closure that reads. It sees one instant, with every write that was answered before this call.
    pub async fn read<T, F>(&self, attempted: impl Into<String>, work: F) -> Result<T, PortError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, PortError> + Send + 'static,
    {
        let attempted = attempted.into();
        let result = match &*self.engine {
            Engine::InMemory(connection) => {
                let connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
                guarded(|| work(&connection))
            }
            Engine::OnFile { readers, .. } => {
                let (reply, answer) = oneshot::channel();
                readers.submit(Box::new(move |connection| {
                    // A caller that went away has no use for the answer.
                    let _ = reply.send(guarded(|| work(connection)));
                }));
                answer.await.unwrap_or_else(|_| Err(not_committed("the database was closed")))
            }
        };
        result.map_err(|error| named(error, &attempted))
    }

    async fn enqueue<T, F, A>(
        &self,
        priority: Priority,
        attempted: String,
        work: F,
        after_commit: A,
    ) -> Result<T, PortError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, PortError> + Send + 'static,
        A: FnOnce(&T) + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let task: Box<dyn Task> =
            Box::new(Write { attempted, work: Some(work), after_commit, result: None, reply });
        match &*self.engine {
            Engine::InMemory(connection) => {
                let connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
                let mut only = Some(task);
                commit_together(&connection, || only.take());
            }
            Engine::OnFile { writer, .. } => writer.submit(priority, task),
        }
        answer.await.unwrap_or_else(|_| Err(not_committed("the database was closed")))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use millrace_ports::ErrorKind;

    use super::*;
    use crate::database::sql_error;

    fn table(connection: &Connection) -> Result<(), PortError> {
        connection.execute_batch("CREATE TABLE t (n INTEGER PRIMARY KEY) STRICT").map_err(sql_error)
    }

    fn insert(n: i64) -> impl FnOnce(&Connection) -> Result<i64, PortError> + Send + 'static {
        move |connection| {
            connection.execute("INSERT INTO t VALUES (?1)", [n]).map_err(sql_error)?;
            Ok(n)
        }
    }

    fn numbers(connection: &Connection) -> Result<Vec<i64>, PortError> {
        let mut statement = connection.prepare("SELECT n FROM t ORDER BY n").map_err(sql_error)?;
        let rows = statement.query_map([], |row| row.get(0)).map_err(sql_error)?;
        rows.collect::<rusqlite::Result<_>>().map_err(sql_error)
    }

    async fn on_both(check: impl AsyncFn(Database)) {
        let folder = tempfile::tempdir().unwrap();
        check(Database::open(&folder.path().join("t.db")).unwrap()).await;
        check(Database::open_in_memory().unwrap()).await;
    }

    #[tokio::test]
    async fn a_failing_write_takes_back_only_itself() {
        on_both(async |database| {
            database.write("create", table).await.unwrap();
            let again = async {
                let error = database.write("insert twice", |c| insert(1)(c).and_then(|_| insert(1)(c))).await;
                assert_eq!(error.unwrap_err().kind, ErrorKind::Conflict);
            };
            let others = futures::future::join_all((2..50).map(|n| database.write("insert", insert(n))));
            let ((), others) = tokio::join!(again, others);
            assert!(others.iter().all(Result::is_ok));
            assert_eq!(database.read("list", numbers).await.unwrap(), (2..50).collect::<Vec<_>>());
        })
        .await;
    }

    #[tokio::test]
    async fn a_panic_is_the_error_of_its_own_write() {
        on_both(async |database| {
            database.write("create", table).await.unwrap();
            let panicked = database
                .write("panic", |c| -> Result<(), _> {
                    insert(1)(c)?;
                    panic!("on purpose")
                })
                .await
                .unwrap_err();
            assert_eq!(
                (panicked.kind, panicked.to_string().as_str()),
                (ErrorKind::Unavailable, "panic: unavailable")
            );
            let read: Result<(), _> = database.read("panic too", |_| panic!("on purpose")).await;
            assert!(read.is_err());
            database.write_bulk("insert", insert(2)).await.unwrap();
            assert_eq!(database.read("list", numbers).await.unwrap(), [2]);
        })
        .await;
    }

    #[tokio::test]
    async fn what_follows_a_commit_runs_in_commit_order_before_the_answer() {
        on_both(async |database| {
            database.write("create", table).await.unwrap();
            let (noted, notes) = mpsc::channel();
            let writes = (1..100).map(|n| {
                let noted = noted.clone();
                database.write_then("insert", insert(n), move |n| noted.send(*n).unwrap())
            });
            futures::future::join_all(writes).await;
            assert_eq!(notes.try_iter().collect::<Vec<_>>(), (1..100).collect::<Vec<_>>());
            let failed = database.write_then("insert", insert(1), |_| panic!("must not run")).await;
            assert!(failed.is_err());
        })
        .await;
    }

    #[tokio::test]
    async fn a_reader_cannot_write_and_sees_what_was_acknowledged() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(&folder.path().join("t.db")).unwrap();
        database.write("create", table).await.unwrap();
        assert!(database.read("insert", insert(1)).await.is_err());
        for n in 1..200 {
            database.write("insert", insert(n)).await.unwrap();
            let seen = database.read("list", numbers).await.unwrap();
            assert_eq!(seen.len() as i64, n);
        }
    }

    #[tokio::test]
    async fn a_closed_database_opens_again_with_everything_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.db");
        let database = Database::open(&path).unwrap();
        database.write("create", table).await.unwrap();
        database.write("insert", insert(7)).await.unwrap();
        drop(database);
        let database = Database::open(&path).unwrap();
        assert_eq!(database.read("list", numbers).await.unwrap(), [7]);
    }

    #[tokio::test]
    async fn interactive_writes_go_before_bulk_ones_that_wait_longer() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(&folder.path().join("t.db")).unwrap();
        database.write("create", table).await.unwrap();
        let (release, released) = mpsc::channel::<()>();
        let (noted, notes) = mpsc::channel();
        let busy = database
            .write("keep the writer busy", move |_| released.recv().map_err(crate::database::corrupt));
        let note = |n: i64| {
            let noted = noted.clone();
            move |_: &i64| noted.send(n).unwrap()
        };
        let bulk = (10..13).map(|n| database.write_bulk_then("bulk", insert(n), note(n)));
        let interactive = (1..4).map(|n| database.write_then("interactive", insert(n), note(n)));
        let waiting = async {
            tokio::join!(futures::future::join_all(bulk), futures::future::join_all(interactive), async {
                release.send(()).unwrap()
            },)
        };
        let (done, _) = tokio::join!(busy, waiting);
        done.unwrap();
        assert_eq!(notes.try_iter().collect::<Vec<_>>(), [1, 2, 3, 10, 11, 12]);
    }

    #[tokio::test]
    async fn the_log_stays_within_its_space_under_bulk_writes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.db");
        let database = Database::open(&path).unwrap();
        database.write("create", table).await.unwrap();
        let log_bytes = || std::fs::metadata(folder.path().join("t.db-wal")).unwrap().len();
        let reserved = log_bytes();
        database
            .write("create", |c| c.execute_batch("CREATE TABLE big (b BLOB) STRICT").map_err(sql_error))
            .await
            .unwrap();
        for _ in 0..150 {
            let fill = |c: &Connection| {
                c.execute("INSERT INTO big VALUES (randomblob(1000000))", []).map(drop).map_err(sql_error)
            };
            database.write_bulk("fill", fill).await.unwrap();
        }
        assert_eq!(log_bytes(), reserved);
        let count = |c: &Connection| -> Result<i64, PortError> {
            c.query_row("SELECT count(*) FROM big", [], |row| row.get(0)).map_err(sql_error)
        };
        assert_eq!(database.read("count", count).await.unwrap(), 150);
    }
}
