//! Deleted is deleted: at once for queries, then everywhere, with a receipt that counts.

use bytes::Bytes;
use http::Method;
use serde_json::Value;

use crate::client::Tenant;
use crate::emulated_aws::eventually;
use crate::history::types;
use crate::stack::run;
use crate::subscriber::Subscriber;

#[test]
fn a_deleted_document_is_found_no_more_and_its_receipt_counts_what_is_gone() {
    run(async |stack| {
        let tenant = Tenant::new(stack, "deleting").await;
        let subscriber = Subscriber::of(stack, "deleting").await;
        let kept = tenant.upload("the zqkept ferry").await;
        let id = tenant.upload("the zqdeleted ferry").await;
        tenant.wait_for(&kept, "ready").await;
        tenant.wait_for(&id, "ready").await;
        let path = format!("/v1/documents/{id}");
        tenant.send(Method::DELETE, &path, &[], Bytes::new()).await.expect(202);
        assert_eq!(tenant.documents_with("zqdeleted").await, [""; 0]);

        eventually("the purge is verified", async || tenant.get(&path).await.status == 410).await;
        let gone = tenant.get(&path).await.expect(410);
        let count = |what: &str| gone["receipt"][what].as_u64();
        assert_eq!(
            (count("chunks"), count("vectors"), count("cached_vectors")),
            (Some(1), Some(1), Some(1)),
            "{gone}"
        );
        assert_eq!(count("blobs"), Some(3), "content, text and chunk file: {gone}");
        let vectors = stack.aws.vectors("deleting").await;
        assert!(vectors.len() == 1 && vectors[0].contains(&kept), "{vectors:?}");
        assert_eq!(stack.aws.objects_of(&id).await, [""; 0]);
        assert_eq!(tenant.documents_with("zqkept").await, [kept.as_str()]);
        tenant.listed(&kept).await;

        // All but the ordinary five of both, and those of the deletion.
        let told = subscriber.wait_for(5 + 5 + 4).await;
        let of_it: Vec<Value> = told.into_iter().filter(|event| event["subject"] == id).collect();
        assert_eq!(types(&of_it)[5..], ["deletion_requested", "vectors_purged", "content_purged", "deleted"]);
        let again = tenant.send(Method::DELETE, &path, &[], Bytes::new()).await;
        assert_eq!(again.status, 410, "{again:?}");
    });
}
