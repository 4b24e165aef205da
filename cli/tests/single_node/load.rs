//! Many clients at once: every acknowledged document becomes ready, none is lost or doubled.

use futures::future::join_all;

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
    crate::client::eventually("the counts", || async {
        let stats = client.get("/v1/stats").await.expect(200);
        stats["collections"][0]["documents"]["ready"] == 200
    })
    .await;
}
