//! By words a moment after the upload, by meaning once ready; within filters; never across collections.

use http::Method;
use serde_json::json;

use crate::client::Client;
use crate::node::Folder;

async fn upload_into(client: &Client, collection: &str, metadata: &str, text: &'static str) -> String {
    let headers = [("x-filename", "fact.txt"), ("x-metadata", metadata)];
    let path = format!("/v1/documents?collection={collection}");
    let accepted = client.send(Method::POST, &path, &headers, text).await.expect(202);
    accepted["document_id"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_finds_what_it_means_without_sharing_its_words() {
    let folder = Folder::new();
    let node = folder.start();
    let client = node.client();
    let cat = client.upload("cat.txt", "The kitten slept on the warm windowsill all afternoon.").await;
    let rate =
        client.upload("rate.txt", "The central bank raised its key interest rate by a quarter point.").await;
    let rain = client.upload("rain.txt", "Heavy showers are expected over the northern hills tonight.").await;
    for id in [&cat, &rate, &rain] {
        client.ready(id).await;
    }
    for (question, expected) in [
        ("where did the young feline nap?", &cat),
        ("monetary policy tightening", &rate),
        ("will it be wet this evening in the mountains?", &rain),
    ] {
        let hits = client.search(question).await;
        assert_eq!(hits[0]["document_id"], expected.as_str(), "{question}: {hits:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_and_collections_bound_what_is_found() {
    let folder = Folder::new();
    let node = folder.start();
    let client = node.client();
    let north = upload_into(&client, "reports", r#"{"region":"north"}"#, "harvest report zqyield").await;
    let south = upload_into(&client, "reports", r#"{"region":"south"}"#, "harvest report zqyield").await;
    let elsewhere = upload_into(&client, "other", "{}", "harvest report zqyield").await;
    for id in [&north, &south, &elsewhere] {
        client.ready(id).await;
    }
    let found = async |filter: serde_json::Value| {
        let request = json!({ "query": "zqyield", "collection": "reports", "filter": filter });
        let answer = client.post("/v1/search", &request).await.expect(200);
        let mut ids: Vec<String> = answer["hits"]
            .as_array()
            .unwrap()
            .iter()
            .map(|hit| hit["document_id"].as_str().unwrap().to_owned())
            .collect();
        ids.sort();
        ids
    };
    let mut both = vec![north.clone(), south.clone()];
    both.sort();
    assert_eq!(found(json!({})).await, both);
    assert_eq!(found(json!({ "metadata": { "region": "south" } })).await, [south]);
    assert_eq!(found(json!({ "documents": [north] })).await, [north.as_str()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_searched_is_explained() {
    let folder = Folder::new();
    let node = folder.start();
    let client = node.client();
    client.post("/v1/search", &json!({ "query": " " })).await.expect(422);
    client.post("/v1/search", &json!({ "query": "x", "limit": 0 })).await.expect(422);
    client.post("/v1/search", &json!({ "query": "x", "colection": "y" })).await.expect(422);
    let broken = client.send(Method::POST, "/v1/search", &[("content-type", "application/json")], "{").await;
    broken.expect(400);
    let unused =
        client.post("/v1/search", &json!({ "query": "x", "collection": "unused" })).await.expect(200);
    assert_eq!(unused["hits"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn emoji_and_right_to_left_text_survive() {
    let folder = Folder::new();
    let node = folder.start();
    let client = node.client();
    let text = "مرحبا بالعالم 👩‍🚀 שלום עולם — naïve café 東京タワー";
    let id = client.upload("%F0%9F%93%84%20%D8%AA%D9%82%D8%B1%D9%8A%D8%B1.txt", text).await;
    let document = client.ready(&id).await;
    assert_eq!(document["filename"], "📄 تقرير.txt");
    for word in ["مرحبا", "שלום", "cafe", "東京"] {
        let hits = client.search(word).await;
        assert_eq!(hits[0]["text"], text, "by {word}");
    }
}
