//! Putting and deleting many items without conditions. What the service hands back unprocessed is sent again, a bounded
//! number of times.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{DeleteRequest, PutRequest, WriteRequest};
use futures::{StreamExt, TryStreamExt, stream};
use millrace_ports::{ErrorKind, PortError};

use super::batch_get::{ROUNDS_MAX, pause_before_round};
use super::failure::dynamodb_error;
use super::item::Item;
use super::table_name::TableName;

/// The most writes of one request.
const WRITES_MAX: usize = 25;
/// Requests at once.
const WRITES_AT_ONCE: usize = 4;

/// A write that puts an item.
pub(crate) fn put_request(item: Item) -> WriteRequest {
    let put = PutRequest::builder().set_item(Some(item)).build().expect("the item is set");
    WriteRequest::builder().put_request(put).build()
}

/// A write that deletes an item.
pub(crate) fn delete_request(key: Item) -> WriteRequest {
    let delete = DeleteRequest::builder().set_key(Some(key)).build().expect("the key is set");
    WriteRequest::builder().delete_request(delete).build()
}

/// Does all of these writes; on failure some of them may be done. No key may be there twice.
pub(crate) async fn write_items(
    client: &Client,
    table: &TableName,
    writes: Vec<WriteRequest>,
    attempted: &str,
) -> Result<(), PortError> {
    let chunks: Vec<Vec<WriteRequest>> = writes.chunks(WRITES_MAX).map(<[WriteRequest]>::to_vec).collect();
    let requests = chunks.into_iter().map(|chunk| write_chunk(client, table, chunk, attempted));
    stream::iter(requests).buffer_unordered(WRITES_AT_ONCE).try_collect().await
}

async fn write_chunk(
    client: &Client,
    table: &TableName,
    mut writes: Vec<WriteRequest>,
    attempted: &str,
) -> Result<(), PortError> {
    for round in 0..ROUNDS_MAX {
        pause_before_round(round).await;
        let answer = client.batch_write_item().request_items(table.as_str(), writes).send().await;
        let answer = answer.map_err(|error| dynamodb_error(error, attempted))?;
        writes = answer.unprocessed_items.unwrap_or_default().into_values().flatten().collect();
        if writes.is_empty() {
            return Ok(());
        }
    }
    let reason = format!("{} writes were left unprocessed", writes.len());
    Err(PortError::caused(ErrorKind::Throttled, attempted, reason))
}
