//! The function: it makes one invoice of each order, however often an order arrives. The same on AWS as in memory. Replace
//! `Order`, `Invoice` and `make_invoice`.

use std::sync::Arc;

use aws_lambda_events::event::sqs::SqsBatchResponse;
use millrace_adapters_system::SystemIdGenerator;
use millrace_function_runtime::{
    Batch, Claim, ErrorKind, IdGenerator, Idempotency, IdempotentStep, JobOutcome, JobQueue, PortError,
    QueueName, ReceivedMessage, StepKey, StepPolicy, Worked, run_batch,
};
use serde::{Deserialize, Serialize};

/// The name under which the adapters know the function's queue. It is a label: the address is configuration.
pub(crate) const ORDERS: QueueName = QueueName::Ingest;
/// Orders worked on at once.
const CONCURRENCY: usize = 4;
/// The function's timeout is 30 s and the queue's visibility timeout 60 s: the lease lies between.
pub(crate) const POLICY: StepPolicy =
    StepPolicy { lease_ms: 45_000, attempts_max: 5, remember_ms: 14 * 86_400_000 };

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
pub(crate) struct Function {
    pub(crate) steps: Idempotency,
    pub(crate) queue: Arc<dyn JobQueue>,
}

impl Function {
    pub(crate) async fn handle(&self, batch: Batch) -> SqsBatchResponse {
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
