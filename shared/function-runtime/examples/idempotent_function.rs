//! A Lambda function to start your own from: it takes orders from a queue and makes one invoice of each, however often an
//! order arrives. Replace `Order`, `Invoice` and `make_invoice`.
//!
//! Here it works off a queue in memory that holds an order twice and a body that is none, over a ledger in memory, and logs
//! what became of them. What is different on Lambda, a `main` of ten lines with the ledger in DynamoDB, is in
//! `docs/idempotent-functions.md`; `Function` stays as it is.
//!
//!     cargo run -p millrace-function-runtime --example idempotent_function

use std::collections::HashMap;
use std::sync::Arc;

use aws_lambda_events::event::sqs::SqsBatchResponse;
use millrace_adapters_local::{Database, SqliteJobLedger, SqliteJobQueue};
use millrace_adapters_system::{SystemClock, SystemIdGenerator};
use millrace_function_runtime::{
    Batch, Claim, ErrorKind, IdGenerator, Idempotency, IdempotentStep, JobOutcome, JobQueue, PortError,
    QueueName, QueuePolicy, ReceivedMessage, StepKey, StepPolicy, Worked, run_batch, start_logging,
    to_sqs_event,
};
use millrace_ports::{JobConsumer as _, OutgoingMessage};
use serde::{Deserialize, Serialize};

/// The name under which the adapters know the function's queue. It is a label: the address is configuration.
const ORDERS: QueueName = QueueName::Ingest;
/// Orders worked on at once.
const CONCURRENCY: usize = 4;
/// The function's timeout is 30 s and the queue's visibility timeout 60 s: the lease lies between.
const POLICY: StepPolicy = StepPolicy { lease_ms: 45_000, attempts_max: 5, remember_ms: 14 * 86_400_000 };

#[derive(Debug, Deserialize)]
struct Order {
    id: String,
    /// Of each line.
    cents: Vec<u64>,
}

#[derive(Debug, Serialize)]
struct Invoice {
    number: String,
    cents: u64,
}

/// What the function is made of, on AWS as in memory.
struct Function {
    steps: Idempotency,
    queue: Arc<dyn JobQueue>,
}

impl Function {
    async fn handle(&self, batch: Batch) -> SqsBatchResponse {
        run_batch(batch, ORDERS, &*self.queue, CONCURRENCY, |message| self.invoice(message)).await
    }

    /// Decodes, names the step, and lets the ledger decide whether there is something to do.
    async fn invoice(&self, message: ReceivedMessage) -> JobOutcome {
        let order: Order = match serde_json::from_str(&message.body) {
            Ok(order) => order,
            Err(error) => return JobOutcome::malformed(format!("malformed order: {error}")),
        };
        let step = IdempotentStep::new(StepKey::named("invoice", &order.id))
            // The order's id with other lines is somebody's mistake, not a repetition.
            .with_fingerprint(format!("{:?}", order.cents))
            // The first attempt picks the number; one that takes over finds it in its claim.
            .with_memo(SystemIdGenerator.uuid().to_string())
            .delivered_by(&message);
        self.steps.run_job(step, |claim| async move { make_invoice(&order, &claim) }).await
    }
}

/// The work. Run twice it gives the same: the number comes from the claim. What it gives is remembered by the ledger.
fn make_invoice(order: &Order, claim: &Claim) -> Result<Worked, PortError> {
    let failed = |kind, why: &str| PortError::new(kind, format!("invoice order {}: {why}", order.id));
    let sum = order.cents.iter().try_fold(0_u64, |sum, cents| sum.checked_add(*cents));
    let cents = sum.ok_or_else(|| failed(ErrorKind::Invalid, "the sum is too large"))?;
    let invoice = Invoice { number: claim.memo.clone(), cents };
    tracing::info!(order = order.id, number = invoice.number, cents, attempt = claim.attempt, "invoice made");
    let result = serde_json::to_string(&invoice).map_err(|_| failed(ErrorKind::Invalid, "no JSON"))?;
    Ok(Worked::Done(result))
}

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
