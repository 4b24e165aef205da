//! Many clients at once: every acknowledged document settles, none is lost or doubled, and nobody sees a fault of ours.

use futures::future::join_all;
use http::{Method, StatusCode};
use serde_json::json;

use crate::client::{Answer, Client, eventually};
use crate::node::Folder;

#[tokio::test(flavor = "multi_thread")]
async fn hundreds_of_clients_lose_nothing() {
    let folder = Folder::new();
    let node = folder.start();
    let client = node.client();
    let uploads = (0..200).map(|number| {
        let client = node.client();
        async move { client.upload("many.txt", format!("document zqmany{number}x of many")).await }
    });
    let ids = join_all(uploads).await;
    for id in &ids {
        client.ready(id).await;
    }
    for (number, id) in ids.iter().enumerate().step_by(17) {
        assert_eq!(client.documents_with(&format!("zqmany{number}x")).await, [id.as_str()]);
    }
    eventually("the counts", || async {
        let stats = client.get("/v1/stats").await.expect(200);
        stats["collections"][0]["documents"]["ready"] == 200
    })
    .await;
}

/// Clients that each do all kinds of things on a connection of their own.
const MIXED_CLIENTS: usize = 300;

/// What a client may be told under load: an answer, or to come back.
#[track_caller]
fn served(answer: &Answer, expected: u16) -> bool {
    let body = String::from_utf8_lossy(&answer.body);
    if answer.status == StatusCode::SERVICE_UNAVAILABLE {
        assert!(answer.headers.contains_key("retry-after"), "503 without Retry-After: {body}");
        return false;
    }
    assert_eq!(answer.status.as_u16(), expected, "{body}");
    true
}

/// Uploads, lists, searches and asks; deletes every third of the documents. Gives the id, and whether it was deleted.
async fn mixed_client(client: Client, number: usize) -> Option<(String, bool)> {
    let key = format!("mixed-{number}");
    let headers = [("x-filename", "mixed.txt"), ("idempotency-key", key.as_str())];
    let text = format!("Document zqmixed{number}x, one of many that come and go.");
    let uploaded = client.send(Method::POST, "/v1/documents", &headers, text.clone()).await;
    // Whoever is asked to come back does so once, with the same key.
    let uploaded = if served(&uploaded, 202) {
        uploaded
    } else {
        client.send(Method::POST, "/v1/documents", &headers, text).await
    };
    if !served(&uploaded, 202) {
        return None;
    }
    let id = uploaded.json()["document_id"].as_str().unwrap().to_owned();
    served(&client.get("/v1/documents?limit=20").await, 200);
    let query = json!({ "query": format!("zqmixed{}x", number / 2), "limit": 5 });
    served(&client.post("/v1/search", &query).await, 200);
    served(&client.get(&format!("/v1/documents/{id}")).await, 200);
    served(&client.get(&format!("/v1/documents/{id}/timeline")).await, 200);
    let deleted =
        number.is_multiple_of(3) && served(&client.delete(&format!("/v1/documents/{id}")).await, 202);
    Some((id, deleted))
}

#[tokio::test(flavor = "multi_thread")]
async fn hundreds_of_clients_doing_everything_see_no_fault_of_ours() {
    let folder = Folder::new();
    let node = folder.start();
    let client = node.client();
    let clients = (0..MIXED_CLIENTS).map(|number| mixed_client(node.client(), number));
    let documents: Vec<_> = join_all(clients).await.into_iter().flatten().collect();
    assert!(documents.len() > MIXED_CLIENTS / 2, "only {} uploads were taken", documents.len());
    let deleted = documents.iter().filter(|(_, deleted)| *deleted).count();
    assert!(deleted > 0, "nothing was deleted");
    for (id, deleted) in &documents {
        if *deleted {
            eventually("the receipt", || async {
                let answer = client.get(&format!("/v1/documents/{id}")).await;
                answer.status == StatusCode::GONE && answer.json()["receipt"].is_object()
            })
            .await;
        } else {
            client.ready(id).await;
        }
    }
    eventually("the counts", || async {
        let stats = client.get("/v1/stats").await.expect(200);
        stats["collections"][0]["documents"]["ready"] == documents.len() - deleted
    })
    .await;
}
