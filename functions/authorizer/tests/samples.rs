//! The sample invocations through the real handler, over keys in a database in memory.

#![expect(clippy::unwrap_used, reason = "what fails here fails a test")]

use std::sync::Arc;

use aws_lambda_events::event::apigw::ApiGatewayV2CustomAuthorizerV2Request;
use millrace_adapters_local::{Database, SqliteSettings};
use millrace_application::{AuthenticateApiKey, hash_secret};
use millrace_authorizer::handle;
use millrace_domain::TenantId;
use millrace_ports::{ApiKey, ApiKeyStore as _, Clock as _};
use millrace_test_support::SimClock;
use serde_json::{Value, json};

async fn keys() -> AuthenticateApiKey {
    let settings = SqliteSettings::new(Database::open_in_memory().unwrap());
    let key = ApiKey {
        secret_sha256: hash_secret("mr_of_acme"),
        tenant_id: TenantId::new("acme").unwrap(),
        label: "sample".into(),
        created_at: SimClock::default().now(),
    };
    settings.create(key).await.unwrap();
    AuthenticateApiKey::new(Arc::new(settings))
}

async fn answer(case: &str) -> Value {
    let path = format!("{}/../../events/authorizer/{case}.json", env!("CARGO_MANIFEST_DIR"));
    let request: ApiGatewayV2CustomAuthorizerV2Request =
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    serde_json::to_value(handle(&keys().await, request).await.unwrap()).unwrap()
}

#[tokio::test]
async fn a_known_key_names_its_tenant_in_either_header() {
    let tenant = json!({ "isAuthorized": true, "context": { "tenant_id": "acme" } });
    assert_eq!(answer("known_key").await, tenant);
    assert_eq!(answer("api_key_header").await, tenant);
}

#[tokio::test]
async fn everybody_else_is_refused_and_is_nobody() {
    for case in ["unknown_key", "other_scheme", "no_key"] {
        assert_eq!(answer(case).await, json!({ "isAuthorized": false, "context": {} }), "{case}");
    }
}
