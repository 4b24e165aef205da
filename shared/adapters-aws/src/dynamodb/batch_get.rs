//! Reading many items by their keys. The service answers what it can and hands the rest back; that is asked again, a
//! bounded number of times.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::KeysAndAttributes;
use futures::{StreamExt, TryStreamExt, stream};
use millrace_ports::{ErrorKind, PortError};

use super::failure::dynamodb_error;
use super::item::Item;
use super::table_name::TableName;

/// The most keys of one request.
pub(crate) const GET_KEYS_MAX: usize = 100;
/// Requests at once.
const GETS_AT_ONCE: usize = 4;
/// How often unprocessed parts of a request are asked for, the first time counted. Beyond it the caller is told that it
/// was throttled.
pub(crate) const ROUNDS_MAX: u32 = 6;
/// The pause before the second round; it doubles each time.
const FIRST_PAUSE: Duration = Duration::from_millis(25);

/// Reads the items with these keys, in any order; those that are not there are left out. No key may be there twice.
pub(crate) async fn get_items(
    client: &Client,
    table: &TableName,
    keys: Vec<Item>,
    consistent: bool,
    attempted: &str,
) -> Result<Vec<Item>, PortError> {
    let chunks: Vec<Vec<Item>> = keys.chunks(GET_KEYS_MAX).map(<[Item]>::to_vec).collect();
    let requests = chunks.into_iter().map(|chunk| get_chunk(client, table, chunk, consistent, attempted));
    stream::iter(requests).buffer_unordered(GETS_AT_ONCE).try_concat().await
}

async fn get_chunk(
    client: &Client,
    table: &TableName,
    mut keys: Vec<Item>,
    consistent: bool,
    attempted: &str,
) -> Result<Vec<Item>, PortError> {
    let mut found = Vec::new();
    for round in 0..ROUNDS_MAX {
        pause_before_round(round).await;
        let wanted = KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(consistent);
        let wanted = wanted.build().expect("keys are set");
        let answer = client.batch_get_item().request_items(table.as_str(), wanted).send().await;
        let answer = answer.map_err(|error| dynamodb_error(error, attempted))?;
        found.extend(answer.responses.unwrap_or_default().into_values().flatten());
        let rest: HashMap<String, KeysAndAttributes> = answer.unprocessed_keys.unwrap_or_default();
        keys = rest.into_values().flat_map(|part| part.keys).collect();
        if keys.is_empty() {
            return Ok(found);
        }
    }
    let reason = format!("{} keys were left unprocessed", keys.len());
    Err(PortError::caused(ErrorKind::Throttled, attempted, reason))
}

/// Waits before a round that is not the first.
pub(crate) async fn pause_before_round(round: u32) {
    if round > 0 {
        tokio::time::sleep(FIRST_PAUSE * 2_u32.pow(round - 1)).await;
    }
}
