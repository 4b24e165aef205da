//! Starting, stopping, and refusing to share or misread a data folder.

use std::process::Stdio;

use crate::node::{Folder, command};

fn refusal(folder: &Folder) -> String {
    let output = command(&folder.path(), &[]).stdout(Stdio::null()).output().unwrap();
    assert!(!output.status.success());
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_stops_it_gracefully_and_a_restart_finds_everything() {
    let folder = Folder::new();
    let node = folder.start();
    let id = node.client().upload("stay.txt", "the zqstay text").await;
    node.client().ready(&id).await;
    assert_eq!(node.stop(), Some(0));
    let node = folder.start();
    assert_eq!(node.client().documents_with("zqstay").await, [id.as_str()]);
    assert_eq!(node.client().document(&id).await["status"], "ready");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_do_not_share_a_folder() {
    let folder = Folder::new();
    let node = folder.start();
    let said = refusal(&folder);
    assert!(said.contains("in use"), "{said}");
    node.client().get("/healthz").await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_of_a_newer_format_is_left_alone() {
    let folder = Folder::new();
    assert_eq!(folder.start().stop(), Some(0));
    std::fs::write(folder.path().join("FORMAT"), "millrace data folder, layout 99\n").unwrap();
    let said = refusal(&folder);
    assert!(said.contains("newer"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_routes_and_methods_are_problems() {
    let folder = Folder::new();
    let node = folder.start();
    let client = node.client();
    client.get("/v1/nothing").await.expect_problem(404, "route_not_found");
    client.delete("/v1/search").await.expect(405);
    client.get("/v1/documents/not-an-id").await.expect_problem(400, "invalid_document_id");
    client.get("/v1/documents?cursor=%00").await.expect(400);
    let health = client.get("/healthz").await.expect(200);
    assert_eq!(health["status"], "ok");
}
