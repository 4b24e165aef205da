//! Everything that is no success, as problems.

use std::sync::atomic::Ordering;

use crate::server::{Server, ask};

#[tokio::test]
async fn unknown_routes_and_methods_are_problems() {
    let server = Server::start().await;
    server.get("/v1/nonsense").await.problem(404, "route_not_found");
    server.get("/").await.problem(404, "route_not_found");
    server.get("/v1/documents/").await.problem(404, "route_not_found");
    let wrong = ask("PATCH", "/v1/documents").of(&server.router).await;
    wrong.problem(405, "method_not_allowed");
    let mut allowed: Vec<&str> = wrong.header("allow").split(',').collect();
    allowed.sort_unstable();
    assert_eq!(allowed, ["GET", "HEAD", "POST"]);
}

#[tokio::test]
async fn an_id_that_is_none_is_named() {
    let server = Server::start().await;
    for bad in ["nonsense", "%zz", "%ff", "01890A5D-AC96-774B-BCCE-B302099A8057", "%2e%2e"] {
        for (method, part) in
            [("GET", ""), ("DELETE", ""), ("PUT", ""), ("POST", "/retry"), ("GET", "/content")]
        {
            let reply = ask(method, &format!("/v1/documents/{bad}{part}")).of(&server.router).await;
            reply.problem(400, "invalid_document_id");
        }
    }
    let unknown = "/v1/documents/01890a5d-ac96-774b-bcce-b302099a8057";
    for (method, part) in [
        ("GET", ""),
        ("DELETE", ""),
        ("POST", "/retry"),
        ("POST", "/cancel"),
        ("GET", "/content"),
        ("GET", "/chunks"),
        ("GET", "/timeline"),
    ] {
        let reply = ask(method, &format!("{unknown}{part}")).of(&server.router).await;
        reply.problem(404, "document_not_found");
    }
    let conditional = ask("DELETE", unknown).with("if-match", "\"v1\"").of(&server.router).await;
    conditional.problem(404, "document_not_found");
}

#[tokio::test]
async fn storage_out_of_reach_says_when_to_come_back() {
    let server = Server::start().await;
    server.blobs.is_down.store(true, Ordering::SeqCst);
    let reply = ask("POST", "/v1/documents").body("x").of(&server.router).await;
    reply.problem(503, "unavailable");
    assert_eq!(reply.header("retry-after"), "3");
    assert_eq!(reply.json()["retryable"], true);
}

#[tokio::test]
async fn a_panic_is_an_answer() {
    let server = Server::start().await;
    server.blobs.panics.store(true, Ordering::SeqCst);
    let reply = ask("POST", "/v1/documents").body("x").of(&server.router).await;
    reply.problem(500, "internal");
    server.blobs.panics.store(false, Ordering::SeqCst);
    server.upload("a.txt", "goes on").await;
}

#[tokio::test(start_paused = true)]
async fn a_request_that_hangs_is_ended() {
    let server = Server::start().await;
    let id = server.upload("a.txt", "x").await;
    server.blobs.hangs.store(true, Ordering::SeqCst);
    server.get(&format!("/v1/documents/{id}/content")).await.problem(504, "timed_out");
    ask("POST", "/v1/documents").body("x").of(&server.router).await.problem(504, "timed_out");
}

#[tokio::test]
async fn a_malformed_correlation_id_is_replaced() {
    let server = Server::start().await;
    let reply = ask("GET", "/healthz").with("x-correlation-id", "mine").of(&server.router).await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.json()["status"], "ok");
    assert_eq!(reply.header("x-correlation-id").len(), 36);
}
