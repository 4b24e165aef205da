//! Queries to the end, however many pages lie beneath: a query that stops at its first page loses what follows.

use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use millrace_ports::PortError;

use super::failure::dynamodb_error;
use super::item::Item;

/// A page of a query.
#[derive(Debug)]
pub(crate) struct QueryPage {
    /// Its items.
    pub(crate) items: Vec<Item>,
    /// Where the next page begins; absent on the last.
    pub(crate) next: Option<Item>,
}

/// A page from where the page before ended, or the first.
pub(crate) async fn query_page(
    query: QueryFluentBuilder,
    start: Option<Item>,
    attempted: &str,
) -> Result<QueryPage, PortError> {
    let answer = query.set_exclusive_start_key(start).send().await;
    let answer = answer.map_err(|error| dynamodb_error(error, attempted))?;
    let next = answer.last_evaluated_key.filter(|key| !key.is_empty());
    Ok(QueryPage { items: answer.items.unwrap_or_default(), next })
}

/// The items of all pages, or of as many as give `limit`; each page is bounded by what is still wanted.
pub(crate) async fn query_all(
    query: QueryFluentBuilder,
    limit: usize,
    attempted: &str,
) -> Result<Vec<Item>, PortError> {
    query_after(query, None, limit, attempted).await
}

/// The same, of the items after a key, which need not exist.
pub(crate) async fn query_after(
    query: QueryFluentBuilder,
    after: Option<Item>,
    limit: usize,
    attempted: &str,
) -> Result<Vec<Item>, PortError> {
    let mut items = Vec::new();
    let mut start = after;
    while items.len() < limit {
        let wanted = i32::try_from(limit - items.len()).unwrap_or(i32::MAX);
        let page = query_page(query.clone().limit(wanted), start, attempted).await?;
        items.extend(page.items);
        start = page.next;
        if start.is_none() {
            break;
        }
    }
    items.truncate(limit);
    Ok(items)
}
