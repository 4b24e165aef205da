//! `S3UploadUrls` against an emulator that checks signatures: the port's suite.

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use aws_credential_types::Credentials;
use aws_smithy_http_client::Connector;
use aws_smithy_runtime_api::client::http::HttpConnector;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use aws_types::region::Region;
use bytes::Bytes;
use http_body_util::BodyExt;
use millrace_emulator::{ACCESS_KEY_ID, Emulator, REGION, unique};
use millrace_ports::{SignedUpload, UploadGrant};
use millrace_test_support::upload_urls_suite::{UploadClient, UploadUrlsFixture};

use super::suite::present;
use super::{S3BlobStore, S3UploadUrls};
use crate::connection::{AwsConnection, AwsSettings};

millrace_test_support::upload_urls_suite!(fixture);

/// Whose signatures the emulator checks; those of its root it does not.
const USER: &str = "uploader";
/// What that user may do.
const POLICY: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}"#;

/// An emulator that enforces, the only one of this test binary.
fn enforcing() -> &'static Emulator {
    static ENFORCING: OnceLock<Emulator> = OnceLock::new();
    ENFORCING.get_or_init(|| Emulator::start(true).unwrap())
}

async fn answered(request: HttpRequest) -> (u16, String) {
    let response = Connector::builder().build_http().call(request).await.unwrap();
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8_lossy(&body).into_owned())
}

/// Asks the emulator's IAM as its root, whose signature is not checked.
async fn iam(endpoint: &str, parameters: &[(&str, &str)]) -> String {
    let encoded = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
    let pairs = parameters.iter().map(|(name, value)| format!("{name}={}", encoded(value)));
    let body = pairs.chain(["Version=2010-05-08".to_owned()]).collect::<Vec<_>>().join("&");
    let mut request = HttpRequest::new(SdkBody::from(body));
    request.set_method("POST").unwrap();
    request.set_uri(format!("{endpoint}/")).unwrap();
    let credential = format!("{ACCESS_KEY_ID}/20251121/{REGION}/iam/aws4_request");
    let authorization = format!("AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=00");
    request.headers_mut().insert("authorization", authorization);
    request.headers_mut().insert("content-type", "application/x-www-form-urlencoded");
    let (status, answer) = answered(request).await;
    assert_eq!(status, 200, "{answer}");
    answer
}

fn element<'a>(xml: &'a str, name: &str) -> &'a str {
    let (_, rest) = xml.split_once(&format!("<{name}>")).unwrap();
    rest.split_once("</").unwrap().0
}

async fn user(endpoint: &str) -> Credentials {
    let user = unique(USER);
    iam(endpoint, &[("Action", "CreateUser"), ("UserName", &user)]).await;
    let policy = [
        ("Action", "PutUserPolicy"),
        ("UserName", user.as_str()),
        ("PolicyName", "s3"),
        ("PolicyDocument", POLICY),
    ];
    iam(endpoint, &policy).await;
    let key = iam(endpoint, &[("Action", "CreateAccessKey"), ("UserName", &user)]).await;
    Credentials::from_keys(element(&key, "AccessKeyId"), element(&key, "SecretAccessKey"), None)
}

async fn fixture() -> UploadUrlsFixture {
    let endpoint = enforcing().endpoint();
    let settings = AwsSettings {
        region: Region::from_static(REGION),
        endpoint_url: Some(endpoint.to_owned()),
        service_endpoint_urls: Default::default(),
        credentials: user(endpoint).await,
    };
    let (client, bucket, clock) = (AwsConnection::new(&settings).s3(), unique("uploads"), present());
    client.create_bucket().bucket(&bucket).send().await.unwrap();
    UploadUrlsFixture {
        urls: Arc::new(S3UploadUrls::new(client.clone(), &bucket, clock.clone())),
        client: Arc::new(HttpUploadClient),
        blobs: Arc::new(S3BlobStore::new(client, bucket, clock.clone())),
        clock,
        keep: Box::new(()),
    }
}

/// Puts over HTTP, as any client.
struct HttpUploadClient;

#[async_trait]
impl UploadClient for HttpUploadClient {
    async fn put(&self, _: &UploadGrant, signed: &SignedUpload, content: Bytes) -> u16 {
        let length = content.len().to_string();
        let mut request = HttpRequest::new(SdkBody::from(content));
        request.set_method("PUT").unwrap();
        request.set_uri(signed.url.clone()).unwrap();
        for (name, value) in &signed.headers {
            request.headers_mut().insert(name.clone(), value.clone());
        }
        request.headers_mut().insert("content-length", length);
        answered(request).await.0
    }
}
