//! Whose request it is.

use std::sync::Arc;

use millrace_api::ApiKeyAuthenticator;
use millrace_application::CreateApiKey;
use millrace_test_support::SimClock;
use millrace_test_support::builders::tenant;

use crate::server::{Server, ask};

#[tokio::test]
async fn tenants_do_not_see_each_other() {
    let server = Server::with(|keys| Arc::new(ApiKeyAuthenticator::new(keys))).await;
    let create = CreateApiKey::new(Arc::clone(&server.keys), Arc::new(SimClock::default()));
    let secret = |name: &str, byte: u8| {
        let made = create.run(tenant(name), "test".into(), [byte; 32]);
        async move { made.await.unwrap().secret }
    };
    let (ours, theirs) = (secret("ours", 1).await, secret("theirs", 2).await);
    let bearer = format!("Bearer {ours}");
    let accepted =
        ask("POST", "/v1/documents").with("authorization", &bearer).body("x").of(&server.router).await;
    assert_eq!(accepted.status, 202, "{accepted:?}");
    let path = accepted.header("location");
    assert_eq!(ask("GET", path).with("x-api-key", &ours).of(&server.router).await.status, 200);
    for (method, part) in [
        ("GET", ""),
        ("DELETE", ""),
        ("PUT", ""),
        ("GET", "/timeline"),
        ("GET", "/chunks"),
        ("GET", "/content"),
        ("POST", "/retry"),
        ("POST", "/cancel"),
    ] {
        let request = ask(method, &format!("{path}{part}")).with("x-api-key", &theirs).body("x");
        request.of(&server.router).await.problem(404, "document_not_found");
    }
    // A key from another host than the server's own is no browser's ambient trust.
    let remote =
        ask("GET", path).with("x-api-key", &ours).with("host", "example.com").of(&server.router).await;
    assert_eq!(remote.status, 200);
}

#[tokio::test]
async fn without_a_known_key_nobody_gets_in() {
    let server = Server::with(|keys| Arc::new(ApiKeyAuthenticator::new(keys))).await;
    let missing = server.get("/v1/documents").await;
    missing.problem(401, "unauthenticated");
    assert_eq!(missing.header("www-authenticate"), "Bearer realm=\"millrace\"");
    for (name, value) in [
        ("authorization", "Bearer mr_guess"),
        ("authorization", "Bearer"),
        ("x-api-key", ""),
        ("x-api-key", "mr_"),
    ] {
        let reply = ask("GET", "/v1/documents").with(name, value).of(&server.router).await;
        reply.problem(401, "unauthenticated");
        assert!(reply.header("www-authenticate").contains("invalid_token"), "{name}: {value}");
    }
    let basic = ask("GET", "/v1/documents").with("authorization", "Basic eDp5").of(&server.router).await;
    basic.problem(401, "unauthenticated");
    assert_eq!(server.get("/healthz").await.status, 200);
    assert_eq!(server.get("/openapi.json").await.status, 200);
}

#[tokio::test]
async fn other_sites_cannot_use_the_trust_in_loopback() {
    let server = Server::start().await;
    let rebound = ask("GET", "/v1/documents").with("host", "evil.example").of(&server.router).await;
    rebound.problem(403, "foreign_origin");
    let forged = ask("POST", "/v1/documents").with("origin", "https://evil.example").body("x");
    forged.of(&server.router).await.problem(403, "foreign_origin");
    let own = ask("POST", "/v1/documents").with("origin", "http://localhost:8080").body("x");
    assert_eq!(own.of(&server.router).await.status, 202);
}
