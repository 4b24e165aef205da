//! The router behind API Gateway: stored invocations (HTTP API, payload format 2.0) in, Lambda answers out.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lambda_http::request::LambdaRequest;
use lambda_http::{Adapter, LambdaEvent, Service as _};
use millrace_api::{GatewayAuthenticator, GatewayService};
use serde_json::{Value, json};

use crate::server::Server;

async fn server() -> Server {
    Server::with(|_| Arc::new(GatewayAuthenticator::default())).await
}

fn event(name: &str) -> Value {
    let path = format!("{}/../../events/api/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The same invocation for another method and path.
fn following(name: &str, method: &str, path: &str) -> Value {
    let mut event = event(name);
    event["rawPath"] = path.into();
    event["requestContext"]["http"]["path"] = path.into();
    event["requestContext"]["http"]["method"] = method.into();
    event.as_object_mut().unwrap().remove("body");
    event["isBase64Encoded"] = false.into();
    event
}

/// What the Lambda answers, as the JSON that the gateway gets.
async fn invoke(server: &Server, event: Value) -> Value {
    let request: LambdaRequest = serde_json::from_value(event).unwrap();
    let mut adapter = Adapter::from(GatewayService::new(server.router.clone()));
    let response = adapter.call(LambdaEvent::new(request, lambda_http::Context::default())).await.unwrap();
    serde_json::to_value(response).unwrap()
}

fn body(response: &Value) -> Value {
    assert_eq!(response["isBase64Encoded"], false, "{response}");
    serde_json::from_str(response["body"].as_str().unwrap()).unwrap()
}

#[track_caller]
fn assert_problem(response: &Value, status: u16, code: &str) {
    assert_eq!(response["statusCode"], status, "{response}");
    assert_eq!(response["headers"]["content-type"], "application/problem+json");
    let problem = body(response);
    assert_eq!(problem["code"], code);
    assert_eq!(problem["correlation_id"], response["headers"]["x-correlation-id"]);
}

#[tokio::test]
async fn a_text_body_is_accepted_and_comes_back() {
    let server = server().await;
    let accepted = invoke(&server, event("upload_text")).await;
    assert_eq!(accepted["statusCode"], 202, "{accepted}");
    assert_eq!(body(&accepted)["filename"], "Zoë.txt");
    let replayed = invoke(&server, event("upload_text")).await;
    assert_eq!(replayed["headers"]["idempotency-replayed"], "true");
    let path = format!("{}/content", accepted["headers"]["location"].as_str().unwrap());
    let content = invoke(&server, following("upload_text", "GET", &path)).await;
    assert_eq!(content["isBase64Encoded"], true);
    assert_eq!(STANDARD.decode(content["body"].as_str().unwrap()).unwrap(), "Grüße aus Köln".as_bytes());
    assert_eq!(content["headers"].get("content-length"), None);
}

#[tokio::test]
async fn a_binary_body_survives_base64_both_ways() {
    let server = server().await;
    let accepted = invoke(&server, event("upload_binary")).await;
    assert_eq!(accepted["statusCode"], 202, "{accepted}");
    let path = format!("{}/content", accepted["headers"]["location"].as_str().unwrap());
    let content = invoke(&server, following("upload_binary", "GET", &path)).await;
    let expected: Vec<u8> = (0..=255).collect();
    assert_eq!(STANDARD.decode(content["body"].as_str().unwrap()).unwrap(), expected);
    let mut part = following("upload_binary", "GET", &path);
    part["headers"]["range"] = "bytes=250-".into();
    let part = invoke(&server, part).await;
    assert_eq!(part["statusCode"], 206);
    assert_eq!(STANDARD.decode(part["body"].as_str().unwrap()).unwrap(), expected[250..]);
    let head = invoke(&server, following("upload_binary", "HEAD", &path)).await;
    assert_eq!((&head["statusCode"], head.get("body")), (&json!(200), None));
}

#[tokio::test]
async fn a_form_is_read_from_the_buffered_body() {
    let server = server().await;
    let accepted = invoke(&server, event("upload_multipart")).await;
    assert_eq!(accepted["statusCode"], 202, "{accepted}");
    let path = accepted["headers"]["location"].as_str().unwrap();
    let document = body(&invoke(&server, following("upload_multipart", "GET", path)).await);
    assert_eq!((&document["filename"], &document["collection"]), (&json!("a.txt"), &json!("papers")));
    assert_eq!(document["size_bytes"], 11);
}

#[tokio::test]
async fn a_stage_is_no_part_of_the_route_and_part_of_the_location() {
    let server = server().await;
    let accepted = invoke(&server, event("upload_in_stage")).await;
    assert_eq!(accepted["statusCode"], 202, "{accepted}");
    let location = accepted["headers"]["location"].as_str().unwrap();
    assert!(location.starts_with("/prod/v1/documents/"), "{location}");
    let document = invoke(&server, following("upload_in_stage", "GET", location)).await;
    assert_eq!(document["statusCode"], 200, "{document}");
}

#[tokio::test]
async fn links_of_an_upload_lead_through_the_gateway() {
    let server = server().await;
    let mut start = following("upload_in_stage", "POST", "/prod/v1/uploads");
    start["headers"]["content-type"] = "application/json".into();
    let announced = json!({"filename": "a.txt", "size": 3, "sha256": "0".repeat(64)});
    start["body"] = announced.to_string().into();
    let started = invoke(&server, start).await;
    assert_eq!(started["statusCode"], 201, "{started}");
    let gateway = "https://abcdef1234.execute-api.eu-central-1.amazonaws.com/prod/v1/uploads/";
    for link in ["url", "complete_url"] {
        assert!(body(&started)[link].as_str().unwrap().starts_with(gateway), "{started}");
    }
}

#[tokio::test]
async fn what_cannot_be_answered_is_a_problem() {
    let server = server().await;
    for (name, status, code) in [
        ("upload_without_body", 422, "empty_content"),
        ("unknown_route", 404, "route_not_found"),
        ("bad_percent_encoding", 400, "invalid_document_id"),
        ("decoded_path", 400, "invalid_document_id"),
        ("without_authorizer", 401, "unauthenticated"),
    ] {
        assert_problem(&invoke(&server, event(name)).await, status, code);
    }
    let mut invalid = event("unknown_route");
    invalid["rawPath"] = "/v1/documents".into();
    invalid["requestContext"]["authorizer"]["lambda"]["tenant_id"] = "../acme".into();
    assert_problem(&invoke(&server, invalid).await, 401, "unauthenticated");
    let found = invoke(&server, event("search")).await;
    assert_eq!((&found["statusCode"], body(&found)), (&json!(200), json!({"hits": [], "by_meaning": true})));
}
