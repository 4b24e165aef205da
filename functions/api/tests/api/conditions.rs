//! Entity tags on documents.

use crate::server::{Server, ask};

#[tokio::test]
async fn an_unchanged_document_is_not_sent_again() {
    let server = Server::start().await;
    let id = server.upload("a.txt", "one").await;
    let path = format!("/v1/documents/{id}");
    let first = server.get(&path).await;
    let etag = first.header("etag").to_owned();
    let same = ask("GET", &path).with("if-none-match", &etag).of(&server.router).await;
    assert_eq!((same.status.as_u16(), same.body.len()), (304, 0));
    assert_eq!(same.header("etag"), etag);
    server.fail(&id).await;
    let changed = ask("GET", &path).with("if-none-match", &etag).of(&server.router).await;
    assert_eq!(changed.status, 200);
    assert_ne!(changed.header("etag"), etag);
    let head = ask("HEAD", &path).of(&server.router).await;
    assert_eq!((head.status.as_u16(), head.body.len()), (200, 0));
}
