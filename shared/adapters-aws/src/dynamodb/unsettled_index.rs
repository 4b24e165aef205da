//! The list of documents that are owed work, out of an index that lies in many parts. Each part is asked for its share of a
//! page and a little more, and what is known of all of them is put together. It lists names; what the heads say is the
//! event store's to look up, for the index is a moment behind.

use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use futures::future::try_join_all;
use millrace_domain::Timestamp;
use millrace_ports::{PortError, UnsettledPlace};

use super::document_partition::read_document_partition;
use super::item::{Item, UnreadableItem, instant, number, read_instant};
use super::journal_item::UNSETTLED_SHARDS;
use super::query_pages::query_page;
use super::schema::journal::{UNSETTLED_SHARD, UNSETTLED_SINCE};

const ATTEMPTED: &str = "list unsettled documents";

/// A page of names.
#[derive(Debug)]
pub(super) struct PlacesPage {
    /// Oldest first.
    pub(super) places: Vec<UnsettledPlace>,
    /// What the next page comes after; absent on the last.
    pub(super) next: Option<UnsettledPlace>,
}

/// What one part of the index has.
struct Part {
    places: Vec<UnsettledPlace>,
    /// Up to which instant that is everything; `None`: to the end.
    reached: Option<Timestamp>,
}

/// Documents whose last event is before `before`, those after a place, at most `limit` and seldom fewer while there are more.
pub(super) async fn unsettled_places(
    index: QueryFluentBuilder,
    before: Timestamp,
    after: Option<&UnsettledPlace>,
    limit: usize,
) -> Result<PlacesPage, PortError> {
    let Some(query) = query_between(index, before, after) else {
        return Ok(PlacesPage { places: Vec::new(), next: None });
    };
    let wanted = wanted_of_part(limit);
    let parts = (0..UNSETTLED_SHARDS).map(|shard| {
        read_part(query.clone().expression_attribute_values(":shard", number(shard)), after, wanted)
    });
    let parts = try_join_all(parts).await?;
    let reached = parts.iter().filter_map(|part| part.reached).min();
    let mut places: Vec<UnsettledPlace> = parts.into_iter().flat_map(|part| part.places).collect();
    places.retain(|place| reached.is_none_or(|reached| place.since <= reached));
    places.sort_unstable();
    let is_last = reached.is_none() && places.len() <= limit;
    places.truncate(limit);
    let next = places.last().filter(|_| !is_last).cloned();
    Ok(PlacesPage { places, next })
}

/// Twice an even share and a few, so that a part seldom has more of a page: all of it from each of them would be read sixteen
/// times for nothing.
fn wanted_of_part(limit: usize) -> i32 {
    let shares = limit.saturating_mul(2).div_ceil(usize::from(UNSETTLED_SHARDS));
    i32::try_from(shares).unwrap_or(i32::MAX).saturating_add(4)
}

/// From the instant of `after` on, since others of that instant may follow; `None` if that is not before `before`.
fn query_between(
    index: QueryFluentBuilder,
    before: Timestamp,
    after: Option<&UnsettledPlace>,
) -> Option<QueryFluentBuilder> {
    let query = index
        .expression_attribute_names("#shard", UNSETTLED_SHARD)
        .expression_attribute_names("#since", UNSETTLED_SINCE);
    let Some(after) = after else {
        let condition = "#shard = :shard AND #since < :before";
        let query = query.key_condition_expression(condition);
        return Some(query.expression_attribute_values(":before", instant(before)));
    };
    // Both bounds belong to it, and the first above the second is refused.
    let condition = "#shard = :shard AND #since BETWEEN :first AND :last";
    let query = query
        .key_condition_expression(condition)
        .expression_attribute_values(":first", instant(after.since))
        .expression_attribute_values(":last", instant(before.plus_millis(-1)));
    (after.since < before).then_some(query)
}

/// Reads on until an instant is over, or the part is: documents of one instant lie in any order.
async fn read_part(
    query: QueryFluentBuilder,
    after: Option<&UnsettledPlace>,
    wanted: i32,
) -> Result<Part, PortError> {
    let mut places: Vec<UnsettledPlace> = Vec::new();
    let mut start = None;
    loop {
        let page = query_page(query.clone().limit(wanted), start, ATTEMPTED).await?;
        for item in &page.items {
            let place = read_place(item).map_err(|error| error.while_attempting(ATTEMPTED))?;
            if after.is_none_or(|after| place > *after) {
                places.push(place);
            }
        }
        start = page.next;
        if start.is_none() {
            return Ok(Part { places, reached: None });
        }
        let last = places.last().map(|place| place.since);
        let over = places.partition_point(|place| Some(place.since) < last);
        if over > 0 {
            places.truncate(over);
            let reached = places.last().map(|place| place.since);
            return Ok(Part { places, reached });
        }
    }
}

fn read_place(item: &Item) -> Result<UnsettledPlace, UnreadableItem> {
    Ok(UnsettledPlace { since: read_instant(item, UNSETTLED_SINCE)?, key: read_document_partition(item)? })
}
