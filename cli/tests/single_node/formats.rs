//! Every format goes all the way from upload to a hit; every hostile file is a failed document with its code, and its
//! neighbours do not notice.

use futures::future::join_all;
use millrace_extraction::samples;

use crate::node::Folder;

#[tokio::test(flavor = "multi_thread")]
async fn every_format_becomes_searchable_and_hostile_files_harm_only_themselves() {
    let folder = Folder::new();
    let node = folder.start();
    let client = node.client();
    let (readable, refused) = (samples::readable(), samples::refused());

    let good =
        join_all(readable.iter().map(|sample| client.upload(sample.filename, sample.bytes.clone()))).await;
    let hostile: Vec<_> = refused.iter().filter(|sample| !sample.bytes.is_empty()).collect();
    let bad =
        join_all(hostile.iter().map(|sample| client.upload(sample.filename, sample.bytes.clone()))).await;

    for (sample, id) in hostile.iter().zip(&bad) {
        let document = client.wait_for(id, &["failed"]).await;
        assert_eq!(document["error"]["code"], sample.error_kind, "{}: {document}", sample.filename);
        assert!(document["error"]["reason"].as_str().is_some_and(|reason| !reason.is_empty()));
    }
    for (sample, id) in readable.iter().zip(&good) {
        let document = client.ready(id).await;
        assert_eq!(document["media_type"], sample.media_type, "{}", sample.filename);
        assert_eq!(document["progress"]["chunks_embedded"], document["progress"]["chunks_total"]);
        let chunks = client.get(&format!("/v1/documents/{id}/chunks?limit=200")).await.expect(200);
        let texts: Vec<_> =
            chunks["chunks"].as_array().unwrap().iter().map(|c| c["text"].as_str().unwrap()).collect();
        for phrase in &sample.phrases {
            assert!(
                texts.iter().any(|text| text.contains(phrase)),
                "{}: {phrase:?} in {texts:?}",
                sample.filename
            );
        }
        let hits = client.search(sample.phrases[0]).await;
        let found = hits.iter().any(|hit| hit["document_id"] == id.as_str());
        assert!(found, "{} is not found by {:?}", sample.filename, sample.phrases[0]);
    }
    let listed = client.get("/v1/documents?limit=200").await.expect(200);
    assert_eq!(listed["documents"].as_array().unwrap().len(), good.len() + bad.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_without_a_byte_is_refused_at_once() {
    let folder = Folder::new();
    let node = folder.start();
    let headers = [("x-filename", "nothing.txt")];
    let answer = node.client().send(http::Method::POST, "/v1/documents", &headers, "").await;
    answer.expect_problem(422, "empty_content");
    assert!(node.client().get("/v1/documents").await.expect(200)["documents"].as_array().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn hits_say_where_they_come_from() {
    let folder = Folder::new();
    let node = folder.start();
    let client = node.client();
    let sample = samples::pdf();
    let id = client.upload(sample.filename, sample.bytes.clone()).await;
    client.ready(&id).await;
    let hits = client.search(sample.phrases[0]).await;
    let hit = hits.iter().find(|hit| hit["text"].as_str().unwrap().contains(sample.phrases[0])).unwrap();
    assert_eq!(hit["filename"], sample.filename);
    assert!(hit["page"].as_u64().is_some_and(|page| page >= 1 && page <= sample.pages as u64));
    assert!(hit["end"].as_u64() > hit["start"].as_u64());
    assert!((0.0..=1.0).contains(&hit["score"].as_f64().unwrap()));
}
