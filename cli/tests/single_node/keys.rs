//! With keys, every request names its tenant by authenticating, and tenants do not see each other.

use std::process::Command;

use http::Method;

use crate::node::{Folder, Node};

pub(crate) fn create_key(folder: &Folder, tenant: &str) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_millrace"))
        .args(["keys", "create", "--tenant", tenant, "--data-dir"])
        .arg(folder.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let printed = String::from_utf8(output.stdout).unwrap();
    printed.split_whitespace().find(|word| word.starts_with("mr_")).unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_sees_only_its_own() {
    let folder = Folder::new();
    let node = Node::start(&folder.path(), &["--require-api-keys"]);
    let client = node.client();
    let problem = client.get("/v1/documents").await;
    assert!(problem.headers.contains_key("www-authenticate"));
    problem.expect_problem(401, "unauthenticated");

    let (acme, umbrella) = (create_key(&folder, "acme"), create_key(&folder, "umbrella"));
    let (acme, umbrella) = (format!("Bearer {acme}"), format!("Bearer {umbrella}"));
    let headers = [("authorization", acme.as_str()), ("x-filename", "plan.txt")];
    let accepted = client.send(Method::POST, "/v1/documents", &headers, "the zqplan").await.expect(202);
    let path = format!("/v1/documents/{}", accepted["document_id"].as_str().unwrap());
    client.send(Method::GET, &path, &[("authorization", &acme)], "").await.expect(200);
    for method in [Method::GET, Method::DELETE] {
        client.send(method, &path, &[("authorization", &umbrella)], "").await.expect(404);
    }
    let wrong = [("authorization", "Bearer mr_0000")];
    client.send(Method::GET, &path, &wrong, "").await.expect(401);
    let headers = [("authorization", umbrella.as_str()), ("content-type", "application/json")];
    let found = client.send(Method::POST, "/v1/search", &headers, r#"{"query":"zqplan"}"#).await.expect(200);
    assert!(found["hits"].as_array().unwrap().is_empty());
}
