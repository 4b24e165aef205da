//! Contents that are too large for the gateway: a presigned URL, the bucket's notification, the client's own call.

use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::client::{Answer, Tenant};
use crate::emulated_aws::eventually;
use crate::history::assert_ready_once;
use crate::stack::run;

/// Above what the gateway and Lambda let through, with little text in it.
fn large(word: &str) -> Bytes {
    let comment = "nothing to read here ".repeat(230_000);
    format!("<html><!-- {comment} --><body><p>The {word} is in a large page.</p></body></html>").into()
}

async fn start(tenant: &Tenant, content: &[u8]) -> Value {
    let announced = json!({
        "filename": "large.html",
        "media_type": "text/html",
        "size": content.len(),
        "sha256": hex::encode(Sha256::digest(content)),
    });
    tenant.post("/v1/uploads", &announced).await.expect(201)
}

async fn put(tenant: &Tenant, upload: &Value, content: Bytes) -> Answer {
    let headers = upload["headers"].as_object().unwrap().iter();
    let headers: Vec<_> = headers.map(|(name, value)| (name.as_str(), value.as_str().unwrap())).collect();
    tenant.send_to(upload["url"].as_str().unwrap(), Method::PUT, &headers, content).await
}

async fn complete(tenant: &Tenant, upload: &Value) -> Answer {
    let path = format!("/v1/uploads/{}/complete", upload["upload_id"].as_str().unwrap());
    tenant.send(Method::POST, &path, &[], Bytes::new()).await
}

#[test]
fn what_the_gateway_refuses_becomes_ready_by_url_and_a_notification_alone() {
    run(async |stack| {
        let (tenant, content) = (Tenant::new(stack, "by-url").await, large("zqlarge"));
        let headers = [("content-type", "text/html")];
        let refused = tenant.send(Method::POST, "/v1/documents", &headers, content.clone()).await.expect(413);
        assert!(refused["detail"].as_str().unwrap().contains("/v1/uploads"), "{refused}");
        let upload = start(&tenant, &content).await;
        assert_eq!(put(&tenant, &upload, content).await.status, 200);
        let id = upload["document_id"].as_str().unwrap();
        eventually("the notification begins the document", async || {
            tenant.get(&format!("/v1/documents/{id}")).await.status == 200
        })
        .await;
        assert_ready_once(stack, &tenant, id, "zqlarge").await;
    });
}

#[test]
fn a_notification_and_calls_to_complete_make_one_event() {
    run(async |stack| {
        let (tenant, content) = (Tenant::new(stack, "completed").await, Bytes::from("the zqcompleted ferry"));
        let upload = start(&tenant, &content).await;
        complete(&tenant, &upload).await.expect(409);
        assert_eq!(put(&tenant, &upload, content).await.status, 200);
        let (one, other) = tokio::join!(complete(&tenant, &upload), complete(&tenant, &upload));
        assert_eq!(one.expect(202), other.expect(202));
        let id = upload["document_id"].as_str().unwrap();
        assert_ready_once(stack, &tenant, id, "zqcompleted").await;
        complete(&tenant, &upload).await.expect(202);
        assert_ready_once(stack, &tenant, id, "zqcompleted").await;
    });
}

#[test]
fn bytes_that_were_not_announced_are_refused_by_the_bucket() {
    run(async |stack| {
        let (tenant, content) = (Tenant::new(stack, "forged").await, Bytes::from("the zqforged ferry"));
        let upload = start(&tenant, &content).await;
        let refused = put(&tenant, &upload, Bytes::from("the zqforger ferry")).await;
        assert!(refused.status.is_client_error(), "{refused:?}");
        complete(&tenant, &upload).await.expect(409);
        let mut tampered = upload.clone();
        tampered["url"] = upload["url"].as_str().unwrap().replace(&tenant.name, "plain").into();
        let refused = put(&tenant, &tampered, content).await;
        assert_eq!(refused.status, 403, "{refused:?}");
    });
}
