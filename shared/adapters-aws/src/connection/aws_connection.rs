//! One connection for all services: they share the HTTPS client with its pool and certificates, the bounds on waiting
//! and the number of attempts. Make it once, before the first invocation.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_runtime_api::client::http::{HttpClient as _, SharedHttpClient, http_client_fn};
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use aws_types::sdk_config::Builder as SdkConfigBuilder;

use super::{AwsService, AwsSettings};

/// TCP and TLS together; a function with little memory has little CPU for the handshake.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// From the request to the first byte of the answer, for services that answer in milliseconds.
pub(crate) const READ_TIMEOUT: Duration = Duration::from_secs(5);
/// All attempts of a call with the pauses between them; below the 30 s that API Gateway waits.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(20);
/// The same for contents: sending a part of some megabytes counts as waiting for the first byte of the answer.
const CONTENT_READ_TIMEOUT: Duration = Duration::from_secs(30);
const CONTENT_OPERATION_TIMEOUT: Duration = Duration::from_secs(120);
/// The same for a model that computes before it answers.
const MODEL_READ_TIMEOUT: Duration = Duration::from_secs(30);
const MODEL_OPERATION_TIMEOUT: Duration = Duration::from_secs(60);
/// Attempts of a call, the first one counted. Beyond it the caller's own retries take over: messages come again.
pub(crate) const ATTEMPTS_MAX: u32 = 3;
/// Longest pause between attempts.
const BACKOFF_MAX: Duration = Duration::from_secs(2);
/// Idle connections are kept as long as AWS's own clients do: a handshake costs more than a connection that turns out to be
/// closed, whose request goes out on another one.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// Makes the services' clients, all over one HTTPS client.
#[derive(Debug, Clone)]
pub struct AwsConnection {
    config: SdkConfig,
    endpoint_urls: BTreeMap<AwsService, String>,
}

impl AwsConnection {
    /// A connection by these settings. Opens nothing yet; the first call reads the system's authorities.
    pub fn new(settings: &AwsSettings) -> Self {
        Self::over(settings, https())
    }

    /// The same over another HTTP client.
    pub(crate) fn over(settings: &AwsSettings, http_client: SharedHttpClient) -> Self {
        let retries = RetryConfig::standard().with_max_attempts(ATTEMPTS_MAX).with_max_backoff(BACKOFF_MAX);
        Self::with_retries(settings, http_client, retries)
    }

    /// The same with other retries; tests leave out the pauses.
    pub(crate) fn with_retries(
        settings: &AwsSettings,
        http_client: SharedHttpClient,
        retries: RetryConfig,
    ) -> Self {
        let mut config: SdkConfigBuilder = SdkConfig::builder()
            // Pinned: a later version changes defaults that the bounds above rely on.
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(settings.region.clone())
            .credentials_provider(SharedCredentialsProvider::new(settings.credentials.clone()))
            .http_client(http_client)
            .retry_config(retries)
            .timeout_config(timeouts(READ_TIMEOUT, OPERATION_TIMEOUT));
        config.set_endpoint_url(settings.endpoint_url.clone());
        Self { config: config.build(), endpoint_urls: settings.service_endpoint_urls.clone() }
    }

    /// What the clients of a service are made from.
    fn config(&self, service: AwsService) -> SdkConfig {
        match self.endpoint_urls.get(&service) {
            Some(url) => self.config.to_builder().endpoint_url(url).build(),
            None => self.config.clone(),
        }
    }

    /// S3, with time for contents. Behind an explicit endpoint buckets are addressed by path: no name of theirs resolves.
    pub fn s3(&self) -> aws_sdk_s3::Client {
        let config = self.config(AwsService::S3);
        let config = aws_sdk_s3::config::Builder::from(&config)
            .force_path_style(config.endpoint_url().is_some())
            .timeout_config(timeouts(CONTENT_READ_TIMEOUT, CONTENT_OPERATION_TIMEOUT));
        aws_sdk_s3::Client::from_conf(config.build())
    }

    /// DynamoDB.
    pub fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        aws_sdk_dynamodb::Client::new(&self.config(AwsService::DynamoDb))
    }

    /// SQS.
    pub fn sqs(&self) -> aws_sdk_sqs::Client {
        aws_sdk_sqs::Client::new(&self.config(AwsService::Sqs))
    }

    /// EventBridge.
    pub fn eventbridge(&self) -> aws_sdk_eventbridge::Client {
        aws_sdk_eventbridge::Client::new(&self.config(AwsService::EventBridge))
    }

    /// S3 Vectors.
    pub fn s3vectors(&self) -> aws_sdk_s3vectors::Client {
        aws_sdk_s3vectors::Client::new(&self.config(AwsService::S3Vectors))
    }

    /// Bedrock's models, with time to compute.
    pub fn bedrock_runtime(&self) -> aws_sdk_bedrockruntime::Client {
        let config = aws_sdk_bedrockruntime::config::Builder::from(&self.config(AwsService::BedrockRuntime))
            .timeout_config(timeouts(MODEL_READ_TIMEOUT, MODEL_OPERATION_TIMEOUT));
        aws_sdk_bedrockruntime::Client::from_conf(config.build())
    }
}

/// The HTTPS client, behind a function: by itself it would try out a connection pool for each client of a service that is made,
/// and read some 140 authorities each time.
fn https() -> SharedHttpClient {
    let https = Builder::new()
        .pool_idle_timeout(IDLE_TIMEOUT)
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build_https();
    http_client_fn(move |settings, components| https.http_connector(settings, components))
}

/// The bounds on waiting of a client or of one call.
pub(crate) fn timeouts(read: Duration, operation: Duration) -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(read)
        .operation_timeout(operation)
        .build()
}
