//! Queues in SQLite: the port's implementation, what it does to the rows, and how receivers wait.

mod burying;
mod message_row;
mod shares;
mod sqlite_dead_letters;
mod sqlite_job_queue;
mod steering;
mod taking;

pub use sqlite_job_queue::SqliteJobQueue;
