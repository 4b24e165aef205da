//! What every document of these tests must have come to, whatever went wrong meanwhile.

use serde_json::Value;

use crate::client::Tenant;
use crate::stack::Stack;

/// The types of events without what they have in common.
pub(crate) fn types(events: &[Value]) -> Vec<&str> {
    events
        .iter()
        .map(|event| event["type"].as_str().unwrap().trim_start_matches("millrace.document."))
        .collect()
}

/// Waits until the tenant's only document is ready, and holds it to what is promised: a history without gaps in which nothing
/// happened twice, as many vectors as chunks, found by its word.
pub(crate) async fn assert_ready_once(stack: &Stack, tenant: &Tenant, id: &str, word: &str) {
    let document = tenant.wait_for(id, "ready").await;
    let events = tenant.timeline(id).await;
    for (index, event) in events.iter().enumerate() {
        assert_eq!(event["sequence"].as_u64(), Some(index as u64 + 1), "{}: {events:#?}", tenant.name);
    }
    let chunks = document["progress"]["chunks_total"].as_u64().unwrap();
    let mut expected = vec!["uploaded", "text_extracted", "chunked"];
    let batches = usize::try_from(chunks.div_ceil(2)).unwrap();
    expected.extend(vec!["chunks_embedded"; batches]);
    expected.push("ingestion_completed");
    assert_eq!(types(&events), expected, "{}", tenant.name);
    let vectors = stack.aws.vectors(&tenant.name).await;
    assert_eq!(vectors.len() as u64, chunks, "{}: {vectors:?}", tenant.name);
    assert_eq!(tenant.documents_with(word).await, [id], "{}", tenant.name);
}
