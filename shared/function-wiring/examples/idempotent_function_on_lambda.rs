//! The function of `millrace-function-runtime`'s example as a Lambda function, with its claims in DynamoDB and its orders in SQS.
//! docs/idempotent-functions.md shows this `main`; a test holds the two together.

#[path = "../../function-runtime/examples/idempotent_function/function.rs"]
mod function;

use std::sync::Arc;

use function::{Function, ORDERS, POLICY};
use millrace_adapters_aws::connection::{AwsConnection, AwsSettings};
use millrace_adapters_aws::dynamodb::DynamoDbJobLedger;
use millrace_adapters_aws::sqs::{SqsJobQueue, SqsQueueUrls, SqsQueues};
use millrace_adapters_system::{SystemClock, SystemIdGenerator};
use millrace_function_runtime::{Batch, Idempotency, Variables, host, start_logging};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    start_logging();
    let variables = Variables::of_process();
    let settings = AwsSettings::from_variables(|name| variables.optional(name))?;
    let connection = AwsConnection::new(&settings);
    let urls = SqsQueueUrls {
        queue: variables.required("ORDERS_QUEUE_URL")?,
        dead_letters: variables.required("ORDERS_DEAD_LETTER_QUEUE_URL")?,
    };
    let clock = Arc::new(SystemClock);
    let table = variables.parsed("LEDGER_TABLE")?;
    let ledger = Arc::new(DynamoDbJobLedger::new(connection.dynamodb(), table, clock.clone()));
    let function = &Function {
        steps: Idempotency::new(ledger, clock, Arc::new(SystemIdGenerator), POLICY),
        queue: Arc::new(SqsJobQueue::new(connection.sqs(), SqsQueues([(ORDERS, urls)].into()))),
    };
    host(|event, limit| async move { Ok(function.handle(Batch::within(event, limit)).await) })
        .await
        .map_err(anyhow::Error::from_boxed)
}
