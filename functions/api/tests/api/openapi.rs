//! The OpenAPI document against the router.

use serde_json::Value;

use crate::schema_check::references;
use crate::server::{Server, ask};

#[tokio::test]
async fn the_router_knows_what_is_described_and_nothing_else() {
    let server = Server::start().await;
    let served = server.get("/openapi.json").await;
    assert_eq!(served.header("content-type"), "application/json");
    let document = served.json();
    for (path, operations) in document["paths"].as_object().unwrap() {
        let concrete = path.replace("{document_id}", "01890a5d-ac96-774b-bcce-b302099a8057");
        let mut described: Vec<String> =
            operations.as_object().unwrap().keys().map(|method| method.to_uppercase()).collect();
        if described.contains(&"GET".to_owned()) {
            described.push("HEAD".into());
        }
        let refused = ask("TRACE", &concrete).of(&server.router).await;
        refused.problem(405, "method_not_allowed");
        let mut known: Vec<String> = refused.header("allow").split(',').map(str::to_owned).collect();
        known.sort();
        described.sort();
        assert_eq!(known, described, "{path}");
    }
}

#[test]
fn every_operation_is_described_whole() {
    let document: Value = serde_json::from_str(millrace_api::openapi_json()).unwrap();
    assert_eq!(document["openapi"], "3.1.0");
    let references = references(&document);
    assert!(references.len() > 30);
    for reference in references {
        assert!(document.pointer(&reference[1..]).is_some(), "{reference} leads nowhere");
    }
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            assert!(operation["operationId"].is_string(), "{method} {path}");
            let parameters = operation["parameters"].as_array().unwrap();
            let in_path = |name: &str| parameters.iter().any(|p| p["name"] == name && p["in"] == "path");
            let named = in_path("document_id");
            assert_eq!(named, path.contains("{document_id}"), "{method} {path}");
            let is_open = operation["security"] == serde_json::json!([]);
            // The URL to which an upload is put is signed, and asks for nothing beside.
            let is_signed = path == "/v1/uploads/{upload_id}/content";
            assert_eq!(is_open, is_signed || !path.starts_with("/v1/"), "{method} {path}");
            assert_eq!(operation["responses"].get("401").is_some(), !is_open, "{method} {path}");
        }
    }
}
