//! The emulator as an operator sees it: what tests look at and change behind Millrace's back.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_credential_types::Credentials;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_sqs::types::{Message, QueueAttributeName};
use aws_types::region::Region;
use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use millrace_adapters_aws::connection::{AwsConnection, AwsService, AwsSettings};
use millrace_adapters_aws::dynamodb::DynamoDbSettings;
use millrace_adapters_aws::dynamodb::schema::{journal, ledger};
use millrace_adapters_system::SystemClock;
use millrace_application::CreateApiKey;
use millrace_domain::{JobEnvelope, QueueName, TenantId};
use millrace_emulator::{ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY};
use millrace_ports::DEAD_LETTER_CODE;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// How long a test waits for something to come about before it fails.
pub(crate) const DEADLINE: Duration = Duration::from_secs(120);
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Waits until a condition holds.
pub(crate) async fn eventually<Held: Future<Output = bool>>(what: &str, condition: impl Fn() -> Held) {
    let waited = Instant::now();
    while !condition().await {
        assert!(waited.elapsed() < DEADLINE, "did not come about: {what}");
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

/// The emulator's services, with the key that may do anything.
#[derive(Debug)]
pub(crate) struct EmulatedAws {
    /// The clients.
    pub(crate) connection: AwsConnection,
    endpoint: String,
    stack: String,
    vector_bucket: String,
    http: Client<HttpConnector, Full<Bytes>>,
}

impl EmulatedAws {
    /// The services at an endpoint, S3 Vectors at another, and the stack that tests look at.
    pub(crate) fn new(endpoint: &str, vectors: &str, stack: &str, vector_bucket: &str) -> Self {
        let settings = AwsSettings {
            region: Region::from_static(REGION),
            endpoint_url: Some(endpoint.to_owned()),
            service_endpoint_urls: BTreeMap::from([(AwsService::S3Vectors, vectors.to_owned())]),
            credentials: Credentials::from_keys(ACCESS_KEY_ID, SECRET_ACCESS_KEY, None),
        };
        Self {
            connection: AwsConnection::new(&settings),
            endpoint: endpoint.to_owned(),
            stack: stack.to_owned(),
            vector_bucket: vector_bucket.to_owned(),
            http: Client::builder(TokioExecutor::new()).build(HttpConnector::new()),
        }
    }

    /// The stack's name for a table, queue, bus or function.
    pub(crate) fn name(&self, resource: &str) -> String {
        format!("{}-{resource}", self.stack)
    }

    /// Makes an API key of a tenant, as an operator does; gives the secret.
    pub(crate) async fn create_key(&self, tenant: &str) -> String {
        let table = self.name("settings").parse().unwrap();
        let settings = DynamoDbSettings::new(self.connection.dynamodb(), table);
        let keys = CreateApiKey::new(Arc::new(settings), Arc::new(SystemClock));
        let random = Sha256::digest(format!("{}/{tenant}", self.stack)).into();
        let made = keys.run(TenantId::new(tenant).unwrap(), "e2e".to_owned(), random).await.unwrap();
        made.secret
    }

    /// The URL of a queue of the stack.
    pub(crate) async fn queue_url(&self, queue: &str) -> String {
        let found = self.connection.sqs().get_queue_url().queue_name(self.name(queue)).send().await.unwrap();
        found.queue_url().unwrap().to_owned()
    }

    /// Puts a job on its queue.
    pub(crate) async fn send_job(&self, job: &JobEnvelope) {
        self.send(job.job.queue(), job.to_body()).await;
    }

    /// Puts a message on a queue of the stack.
    pub(crate) async fn send(&self, queue: QueueName, body: String) {
        let url = self.queue_url(queue.as_str()).await;
        self.connection.sqs().send_message().queue_url(url).message_body(body).send().await.unwrap();
    }

    /// How many messages a queue of the stack has: waiting, being worked on, delayed.
    pub(crate) async fn messages(&self, queue: &str) -> u64 {
        let names = [
            QueueAttributeName::ApproximateNumberOfMessages,
            QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
            QueueAttributeName::ApproximateNumberOfMessagesDelayed,
        ];
        let get = self.connection.sqs().get_queue_attributes().queue_url(self.queue_url(queue).await);
        let found = get.set_attribute_names(Some(names.to_vec())).send().await.unwrap();
        let count = |name| found.attributes().and_then(|all| all.get(name)?.parse::<u64>().ok()).unwrap_or(0);
        names.iter().map(count).sum()
    }

    /// The codes of the messages in a dead-letter queue, which stay there.
    pub(crate) async fn dead_letter_codes(&self, queue: &str) -> Vec<String> {
        let receive = self.connection.sqs().receive_message().queue_url(self.queue_url(queue).await);
        let receive = receive.max_number_of_messages(10).visibility_timeout(0).message_attribute_names("All");
        let found = receive.send().await.unwrap();
        let code = |message: &Message| {
            message.message_attributes()?.get(DEAD_LETTER_CODE)?.string_value().map(ToOwned::to_owned)
        };
        found.messages().iter().filter_map(code).collect()
    }

    /// Keys of the objects about a document.
    pub(crate) async fn objects_of(&self, document: &str) -> Vec<String> {
        let list = self.connection.s3().list_objects_v2().bucket(format!("millrace-{}", self.stack));
        let found = list.send().await.unwrap();
        let keys = found.contents().iter().filter_map(|object| object.key());
        keys.filter(|key| key.contains(document)).map(ToOwned::to_owned).collect()
    }

    /// Shortens the time after which a message of a dead worker comes again, on the queues of workers.
    pub(crate) async fn shorten_visibility(&self, seconds: u32) {
        for queue in QueueName::ALL {
            let url = self.queue_url(queue.as_str()).await;
            let set = self.connection.sqs().set_queue_attributes().queue_url(url);
            set.attributes(QueueAttributeName::VisibilityTimeout, seconds.to_string()).send().await.unwrap();
        }
    }

    /// Keys of the vectors in a tenant's default collection.
    pub(crate) async fn vectors(&self, tenant: &str) -> Vec<String> {
        self.vectors_in_space(tenant, 0).await
    }

    /// The same, in one of its index spaces.
    pub(crate) async fn vectors_in_space(&self, tenant: &str, space: u32) -> Vec<String> {
        let (shown, stored) = match space {
            0 => ("default".to_owned(), "default".to_owned()),
            space => (format!("default-{space}"), format!("default~{space}")),
        };
        let digest = Sha256::digest(format!("{tenant}/{stored}"));
        let index = format!("{tenant}.{shown}.{}", hex::encode(&digest[..16]));
        let list = self
            .connection
            .s3vectors()
            .list_vectors()
            .vector_bucket_name(&self.vector_bucket)
            .index_name(index);
        let found = match list.max_results(1_000).send().await {
            Err(error) if error.as_service_error().is_some_and(|error| error.is_not_found_exception()) => {
                return Vec::new();
            }
            found => found.unwrap(),
        };
        found.vectors().iter().map(|vector| vector.key().to_owned()).collect()
    }

    /// How many parts of words a tenant's default collection has in one of its index spaces.
    pub(crate) async fn word_parts_in_space(&self, tenant: &str, space: u32) -> u64 {
        let stored = if space == 0 { "default".to_owned() } else { format!("default~{space}") };
        let query = json!({
            "TableName": self.name("words"),
            "KeyConditionExpression": "pk = :pk AND begins_with(sk, :parts)",
            "ExpressionAttributeValues": {
                ":pk": { "S": format!("{tenant}#{stored}") },
                ":parts": { "S": "w:" },
            },
            "Select": "COUNT",
        });
        self.dynamodb("Query", &query).await["Count"].as_u64().unwrap()
    }

    /// The tenants whose collections are marked as moving to another model.
    pub(crate) async fn tenants_under_reembedding(&self) -> Vec<String> {
        let query = json!({
            "TableName": self.name("settings"),
            "KeyConditionExpression": "pk = :pk",
            "ExpressionAttributeValues": { ":pk": { "S": "reembedding" } },
        });
        let found = self.dynamodb("Query", &query).await;
        let tenant = |item: &Value| item["sk"]["S"].as_str().unwrap().split('#').next().unwrap().to_owned();
        found["Items"].as_array().unwrap().iter().map(tenant).collect()
    }

    /// Ends the leases of all steps that are not done, as five minutes do.
    pub(crate) async fn end_leases(&self) {
        self.change_claims("", "SET #changed = :value", ledger::EXPIRES_AT, "0").await;
    }

    /// Makes a tenant's step look as if it had been tried so often.
    pub(crate) async fn set_attempts(&self, tenant: &str, attempts: u32) {
        self.change_claims(tenant, "SET #changed = :value", ledger::ATTEMPT, &attempts.to_string()).await;
    }

    async fn change_claims(&self, tenant: &str, update: &str, attribute: &str, value: &str) {
        let (dynamodb, table) = (self.connection.dynamodb(), self.name("ledger"));
        let undone = dynamodb
            .scan()
            .table_name(&table)
            .filter_expression("attribute_not_exists(#result) AND contains(#step, :tenant)")
            .expression_attribute_names("#result", ledger::RESULT)
            .expression_attribute_names("#step", ledger::STEP)
            .expression_attribute_values(":tenant", AttributeValue::S(format!("/{tenant}")));
        for item in undone.send().await.unwrap().items() {
            let change = dynamodb
                .update_item()
                .table_name(&table)
                .key(ledger::STEP, item[ledger::STEP].clone())
                .update_expression(update)
                .condition_expression("attribute_not_exists(#result)")
                .expression_attribute_names("#result", ledger::RESULT)
                .expression_attribute_names("#changed", attribute)
                .expression_attribute_values(":value", AttributeValue::N(value.to_owned()));
            // A step that was done meanwhile stays as it is.
            let _ = change.send().await;
        }
    }

    /// The head of a document as the journal's stream has it: the image of its item.
    pub(crate) async fn head_image(&self, tenant: &str, document: &str) -> Value {
        let query = json!({
            "TableName": self.name("journal"),
            "KeyConditionExpression": "pk = :pk AND sk = :sk",
            "ExpressionAttributeValues": {
                ":pk": { "S": format!("{tenant}#{document}") },
                ":sk": { "N": journal::HEAD_SORT },
            },
        });
        self.dynamodb("Query", &query).await["Items"][0].clone()
    }

    /// Stores an item of the settings table.
    pub(crate) async fn put_setting(&self, item: &Value) {
        self.dynamodb("PutItem", &json!({ "TableName": self.name("settings"), "Item": item })).await;
    }

    /// A call of DynamoDB in its own JSON, in which the stream's images and an operator's items are written.
    async fn dynamodb(&self, operation: &str, request: &Value) -> Value {
        let target = format!("DynamoDB_20120810.{operation}");
        let headers = [("x-amz-target", target.as_str()), ("content-type", "application/x-amz-json-1.0")];
        let (status, answer) = self.call("/", "dynamodb", &headers, request.to_string()).await;
        assert_eq!(status, 200, "{answer}");
        answer
    }

    /// Invokes the sweeper as its schedule does. A sweep that fails is followed by the next, so nobody asks what came of it.
    pub(crate) async fn sweep(&self) {
        let path = format!("/2015-03-31/functions/{}/invocations", self.name("sweeper"));
        self.call(&path, "lambda", &[], include_str!("../../../../events/sweeper/schedule.json").to_owned())
            .await;
    }

    /// Invokes a function with an event; gives its answer.
    pub(crate) async fn invoke(&self, function: &str, event: &Value) -> Value {
        let path = format!("/2015-03-31/functions/{}/invocations", self.name(function));
        let (status, answer) = self.call(&path, "lambda", &[], event.to_string()).await;
        assert_eq!(status, 200, "{answer}");
        answer
    }

    /// A call that no client here has, signed as the root key's calls need to be: by its name.
    async fn call(
        &self,
        path: &str,
        service: &str,
        headers: &[(&str, &str)],
        body: String,
    ) -> (StatusCode, Value) {
        let scope = format!("{ACCESS_KEY_ID}/20260101/{REGION}/{service}/aws4_request");
        let signed = format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0");
        let mut request = Request::builder().method(Method::POST).uri(format!("{}{path}", self.endpoint));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.header("authorization", signed).body(Full::new(body.into())).unwrap();
        let answer = self.http.request(request).await.unwrap();
        let status = answer.status();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }
}
