//! A Lambda function to start your own from: it takes orders from a queue and makes one invoice of each. The function itself is
//! in `function.rs`.
//!
//! Here it works off a queue in memory that holds an order twice and a body that is none, over a ledger in memory, and logs
//! what became of them. What is different on Lambda, a `main` of twenty lines with the ledger in DynamoDB, is the example
//! `idempotent_function_on_lambda` of `millrace-function-wiring`.
//!
//!     cargo run -p millrace-function-runtime --example idempotent_function

mod function;

use std::collections::HashMap;
use std::sync::Arc;

use function::{Function, ORDERS, POLICY};
use millrace_adapters_local::{Database, SqliteJobLedger, SqliteJobQueue};
use millrace_adapters_system::{SystemClock, SystemIdGenerator};
use millrace_function_runtime::{Idempotency, JobQueue as _, QueuePolicy, start_logging, to_sqs_event};
use millrace_ports::{JobConsumer as _, OutgoingMessage};

/// What Lambda's event source mapping does: receives, invokes, and deletes what is not reported as failed.
#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    start_logging();
    let (database, clock) = (Database::open_in_memory()?, Arc::new(SystemClock));
    let policy = QueuePolicy { visibility_timeout_ms: 60_000, receives_max: 10 };
    let queue =
        Arc::new(SqliteJobQueue::new(database.clone(), clock.clone(), HashMap::from([(ORDERS, policy)])));
    let ledger = Arc::new(SqliteJobLedger::new(database, clock.clone()));
    let steps = Idempotency::new(ledger, clock, Arc::new(SystemIdGenerator), POLICY);
    let function = Function { steps, queue: queue.clone() };
    let bodies = [r#"{"id":"7","cents":[950,1200]}"#, "no order", r#"{"id":"7","cents":[950,1200]}"#];
    let messages =
        bodies.map(|body| OutgoingMessage { body: body.to_owned(), ..OutgoingMessage::default() }).to_vec();
    queue.send(ORDERS, messages).await.into_iter().collect::<Result<(), _>>()?;
    let received = queue.receive(ORDERS, 10, 0).await?;
    let response = function.handle(to_sqs_event(ORDERS, received.clone()).into()).await;
    let failed = |id: &str| response.batch_item_failures.iter().any(|failure| failure.item_identifier == id);
    let done =
        received.into_iter().filter(|message| !failed(&message.message_id)).map(|message| message.receipt);
    queue.delete(ORDERS, &done.collect::<Vec<_>>()).await?;
    let depth = queue.depth(ORDERS).await?;
    let left = depth.visible + depth.in_flight + depth.delayed;
    tracing::info!(failed = response.batch_item_failures.len(), left, dead = depth.dead, "queue worked off");
    Ok(())
}
