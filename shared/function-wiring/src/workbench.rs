//! What functions that change documents have in common: one group of settings, the adapters that these settings say, and the
//! use cases over them. Which of them a function makes, and with what else, stays in its own `main.rs`.

use std::sync::Arc;

use millrace_adapters_aws::connection::AwsSettings;
use millrace_adapters_aws::dynamodb::{DynamoDbEventStore, DynamoDbJobLedger, JournalTables, TableName};
use millrace_adapters_aws::s3::{S3BlobStore, S3UploadUrls};
use millrace_adapters_aws::s3vectors::{S3VectorsIndex, SearchTables};
use millrace_adapters_aws::sqs::{SqsJobQueue, SqsQueues};
use millrace_application::{IndexSpaces, Workbench, WorkbenchPorts};
use millrace_domain::{Generation, QueueName};
use millrace_function_runtime::{ConfigError, Variables};
use millrace_ports::{BlobKey, BlobStore as _, EventStore as _};

use crate::cloud::Cloud;
use crate::settings::{aws, journal, queues};
use crate::warm_up::{Warming, warm_up};

/// The histories, the claims, the contents and the queues of a deployment.
#[derive(Debug, Clone)]
pub struct WorkbenchSettings {
    /// Where AWS is and who calls it.
    pub aws: AwsSettings,
    /// The histories and the claims.
    pub journal: JournalTables,
    /// The contents.
    pub bucket: String,
    /// The queues.
    pub queues: SqsQueues,
}

impl WorkbenchSettings {
    /// Reads them, with the queues that the function sends to and those whose messages it also moves to their dead-letter
    /// queue.
    ///
    /// # Errors
    /// The first variable that is missing or cannot be.
    pub fn from_variables(
        variables: &Variables,
        sends_to: &[QueueName],
        dead_letters_of: &[QueueName],
    ) -> Result<Self, ConfigError> {
        Ok(Self {
            aws: aws(variables)?,
            journal: journal(variables)?,
            bucket: variables.required("MILLRACE_BUCKET")?,
            queues: queues(variables, sends_to, dead_letters_of)?,
        })
    }
}

/// The adapters of these settings, and the use cases over them.
#[derive(Debug)]
pub struct CloudWorkbench {
    /// Everything else that there is.
    pub cloud: Cloud,
    /// The histories.
    pub events: Arc<DynamoDbEventStore>,
    /// The claims.
    pub ledger: Arc<DynamoDbJobLedger>,
    /// The contents.
    pub blobs: Arc<S3BlobStore>,
    /// The queues.
    pub queue: Arc<SqsJobQueue>,
    /// Makes the use cases.
    pub use_cases: Workbench,
    bucket: String,
}

impl CloudWorkbench {
    /// Makes the adapters; opens no connection yet.
    pub fn new(settings: WorkbenchSettings) -> Self {
        let cloud = Cloud::new(&settings.aws);
        let (events, ledger) =
            (cloud.events(settings.journal.clone()), cloud.ledger(settings.journal.ledger));
        let (blobs, queue) = (cloud.blobs(&settings.bucket), cloud.queue(settings.queues));
        let use_cases = Workbench::new(WorkbenchPorts {
            events: events.clone(),
            ledger: ledger.clone(),
            queue: queue.clone(),
            blobs: blobs.clone(),
            clock: cloud.clock.clone(),
            ids: cloud.ids.clone(),
        });
        Self { cloud, events, ledger, blobs, queue, use_cases, bucket: settings.bucket }
    }

    /// The search index, which asks the histories for what is published.
    pub fn index(&self, tables: SearchTables) -> Arc<S3VectorsIndex> {
        self.cloud.index(tables, self.events.clone())
    }

    /// The spaces of the index, which asks the collections' records for which there are.
    pub fn index_spaces(&self, tables: SearchTables, settings: TableName) -> IndexSpaces {
        IndexSpaces::new(self.index(tables), self.cloud.settings(settings))
    }

    /// Presigned uploads into the bucket.
    pub fn upload_urls(&self) -> Arc<S3UploadUrls> {
        self.cloud.upload_urls(&self.bucket)
    }

    /// Opens the connections, by reads of what does not exist and a look at a queue that the function may look at.
    pub async fn warm_up(&self, queue: QueueName) {
        let nothing = self.cloud.nothing();
        let no_text = BlobKey::text(&nothing, Generation::FIRST);
        let calls = vec![
            Warming::by(self.events.load(&nothing)),
            Warming::by(self.blobs.get(&no_text)),
            Warming::by(self.queue.ping(queue)),
        ];
        warm_up(calls).await;
    }
}
