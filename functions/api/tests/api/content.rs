//! Contents on their way out.

use crate::server::{Server, ask};

#[tokio::test]
async fn a_content_comes_back_byte_for_byte() {
    let server = Server::start().await;
    let id = server.upload("Zo%C3%AB.txt", "0123456789").await;
    let path = format!("/v1/documents/{id}/content");
    let whole = server.get(&path).await;
    assert_eq!(whole.status, 200);
    assert_eq!(whole.body, "0123456789");
    assert_eq!(whole.header("content-type"), "text/plain");
    assert_eq!(whole.header("content-length"), "10");
    assert_eq!(whole.header("accept-ranges"), "bytes");
    assert_eq!(
        whole.header("content-disposition"),
        "inline; filename=\"Zo_.txt\"; filename*=UTF-8''Zo%C3%AB.txt"
    );
    let etag = whole.header("etag").to_owned();
    let same = ask("GET", &path).with("if-none-match", &etag).of(&server.router).await;
    assert_eq!(same.status, 304);

    let range = |range: &str| ask("GET", &path).with("range", range);
    let part = range("bytes=2-4").of(&server.router).await;
    assert_eq!((part.status.as_u16(), &part.body[..]), (206, &b"234"[..]));
    assert_eq!(part.header("content-range"), "bytes 2-4/10");
    assert_eq!(part.header("content-length"), "3");
    let continued = range("bytes=8-").with("if-range", &etag).of(&server.router).await;
    assert_eq!(continued.body, "89");
    assert_eq!(range("bytes=8-").with("if-range", "\"old\"").of(&server.router).await.status, 200);
    assert_eq!(range("bytes=0-1,3-4").of(&server.router).await.status, 200);
    let beyond = range("bytes=10-").of(&server.router).await;
    beyond.problem(416, "range_not_satisfiable");
    assert_eq!(beyond.header("content-range"), "bytes */10");
    let head = ask("HEAD", &path).of(&server.router).await;
    assert_eq!((head.header("content-length"), head.body.len()), ("10", 0));
}

#[tokio::test]
async fn what_a_browser_could_run_is_saved() {
    let server = Server::start().await;
    for (found, disposition) in [
        ("text/html", "attachment"),
        ("image/svg+xml", "attachment"),
        ("application/xhtml+xml", "attachment"),
        ("text/plain", "inline"),
        ("application/pdf", "inline"),
    ] {
        let id = server.upload("a", &format!("content as {found}")).await;
        server.ingest(&id, found, &["x"]).await;
        let reply = server.get(&format!("/v1/documents/{id}/content")).await;
        assert_eq!(reply.header("content-type"), found);
        assert!(reply.header("content-disposition").starts_with(disposition), "{found}");
        assert_eq!(reply.header("x-content-type-options"), "nosniff");
        assert_eq!(reply.headers.contains_key("content-security-policy"), disposition == "attachment");
    }
}
