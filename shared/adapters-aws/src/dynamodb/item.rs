//! Reading and writing the attributes of an item, and its size. Which attributes there are is each record's own codec.

use std::collections::HashMap;
use std::error::Error;
use std::fmt::Display;
use std::str::FromStr;

use aws_sdk_dynamodb::types::AttributeValue;
use millrace_domain::Timestamp;
use millrace_ports::{Cause, ErrorKind, PortError};

/// What DynamoDB stores under one key.
pub(crate) type Item = HashMap<String, AttributeValue>;

/// The largest item that DynamoDB takes, names of attributes counted.
pub(crate) const ITEM_BYTES_MAX: usize = 400 * 1024;

/// Why an item is not the record that it should be.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UnreadableItem {
    /// It has no such attribute.
    #[error("attribute {0} is missing")]
    Missing(&'static str),
    /// The attribute is, for example, a number where text is expected.
    #[error("attribute {0} has another type")]
    OtherType(&'static str),
    /// The attribute's value makes no sense.
    #[error("attribute {0} is unreadable")]
    Unreadable(&'static str, #[source] Cause),
}

impl UnreadableItem {
    /// The attribute's value makes no sense, for this reason.
    pub(crate) fn because(attribute: &'static str, cause: impl Into<Cause>) -> Self {
        Self::Unreadable(attribute, cause.into())
    }

    /// The port's error for it.
    pub(crate) fn while_attempting(self, attempted: impl Into<String>) -> PortError {
        PortError::caused(ErrorKind::Corrupt, attempted, self)
    }
}

/// Text as an attribute.
pub(crate) fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

/// A number as an attribute.
pub(crate) fn number(value: impl Display) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// An instant as an attribute, in milliseconds.
pub(crate) fn instant(value: Timestamp) -> AttributeValue {
    number(value.as_millis())
}

/// An item of these attributes.
pub(crate) fn item_of<const COUNT: usize>(attributes: [(&str, AttributeValue); COUNT]) -> Item {
    attributes.map(|(name, value)| (name.to_owned(), value)).into()
}

/// The text of an attribute, if it is there.
pub(crate) fn optional_text<'a>(
    item: &'a Item,
    name: &'static str,
) -> Result<Option<&'a str>, UnreadableItem> {
    let as_text = |value: &'a AttributeValue| value.as_s().map(String::as_str);
    item.get(name).map(as_text).transpose().map_err(|_| UnreadableItem::OtherType(name))
}

/// The text of an attribute.
pub(crate) fn read_text<'a>(item: &'a Item, name: &'static str) -> Result<&'a str, UnreadableItem> {
    optional_text(item, name)?.ok_or(UnreadableItem::Missing(name))
}

/// What the text of an attribute stands for.
pub(crate) fn parse_text<T>(item: &Item, name: &'static str) -> Result<T, UnreadableItem>
where
    T: FromStr<Err: Error + Send + Sync + 'static>,
{
    read_text(item, name)?.parse().map_err(|error: T::Err| UnreadableItem::because(name, error))
}

/// The number of an attribute, if it is there.
pub(crate) fn optional_number<T>(item: &Item, name: &'static str) -> Result<Option<T>, UnreadableItem>
where
    T: FromStr<Err: Error + Send + Sync + 'static>,
{
    let Some(value) = item.get(name) else { return Ok(None) };
    let digits = value.as_n().map_err(|_| UnreadableItem::OtherType(name))?;
    digits.parse().map(Some).map_err(|error: T::Err| UnreadableItem::because(name, error))
}

/// The number of an attribute.
pub(crate) fn read_number<T>(item: &Item, name: &'static str) -> Result<T, UnreadableItem>
where
    T: FromStr<Err: Error + Send + Sync + 'static>,
{
    optional_number(item, name)?.ok_or(UnreadableItem::Missing(name))
}

/// The instant of an attribute, if it is there.
pub(crate) fn optional_instant(item: &Item, name: &'static str) -> Result<Option<Timestamp>, UnreadableItem> {
    Ok(optional_number(item, name)?.map(Timestamp::from_millis))
}

/// The instant of an attribute.
pub(crate) fn read_instant(item: &Item, name: &'static str) -> Result<Timestamp, UnreadableItem> {
    optional_instant(item, name)?.ok_or(UnreadableItem::Missing(name))
}

/// The second at or after an instant: DynamoDB's time to live counts seconds, and must not run out too early.
pub(crate) fn second_at_or_after(instant: Timestamp) -> i64 {
    let milliseconds = instant.as_millis();
    milliseconds / 1_000 + i64::from(milliseconds % 1_000 > 0)
}

/// An item that DynamoDB would refuse for its size, refused with a reason that says so.
pub(crate) fn check_size(item: &Item, attempted: &str) -> Result<(), PortError> {
    let bytes = item_bytes(item);
    if bytes > ITEM_BYTES_MAX {
        let reason = format!("an item of {bytes} bytes is above the {ITEM_BYTES_MAX} of DynamoDB");
        return Err(PortError::caused(ErrorKind::Invalid, attempted, reason));
    }
    Ok(())
}

/// An item's size as DynamoDB counts it: names and values. Numbers are taken at their longest.
pub(crate) fn item_bytes(item: &Item) -> usize {
    item.iter().map(|(name, value)| name.len() + value_bytes(value)).sum()
}

fn value_bytes(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::S(text) => text.len(),
        AttributeValue::B(bytes) => bytes.as_ref().len(),
        AttributeValue::N(digits) => digits.len().div_ceil(2) + 2,
        AttributeValue::L(values) => 3 + values.iter().map(|value| 1 + value_bytes(value)).sum::<usize>(),
        // No record here has sets or maps.
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::primitives::Blob;

    use super::*;

    #[test]
    fn a_size_counts_names_and_values() {
        let item = item_of([("ab", text("äx")), ("n", number(12_345)), ("flag", AttributeValue::Bool(true))]);
        assert_eq!(item_bytes(&item), (2 + 3) + (1 + 5) + (4 + 1));
        let bytes = item_of([("v", AttributeValue::B(Blob::new(vec![0; 10])))]);
        assert_eq!(item_bytes(&bytes), 11);
        let list = item_of([("l", AttributeValue::L(vec![text("abc"), text("")]))]);
        assert_eq!(item_bytes(&list), 1 + 3 + (1 + 3) + 1);
    }

    #[test]
    fn an_item_above_the_bound_is_invalid_and_says_why() {
        let item_of_bytes = |bytes: usize| item_of([("v", text("x".repeat(bytes - 1)))]);
        assert!(check_size(&item_of_bytes(ITEM_BYTES_MAX), "store").is_ok());
        let error = check_size(&item_of_bytes(ITEM_BYTES_MAX + 1), "store").unwrap_err();
        assert_eq!((error.kind, error.attempted.as_str()), (ErrorKind::Invalid, "store"));
        assert!(error.source().unwrap().to_string().contains("409601 bytes"));
    }

    #[test]
    fn a_time_to_live_never_runs_out_early() {
        let second = |milliseconds| second_at_or_after(Timestamp::from_millis(milliseconds));
        assert_eq!([0, 1, 999, 1_000, 1_001].map(second), [0, 1, 1, 1, 2]);
    }

    #[test]
    fn what_is_missing_or_of_another_type_is_named() {
        let item = item_of([("a", number(1)), ("b", text("x"))]);
        let shown = |error: UnreadableItem| error.to_string();
        assert_eq!(shown(read_text(&item, "a").unwrap_err()), "attribute a has another type");
        assert_eq!(shown(read_number::<u64>(&item, "b").unwrap_err()), "attribute b has another type");
        assert_eq!(shown(read_text(&item, "c").unwrap_err()), "attribute c is missing");
        let negative = item_of([("a", number(-1))]);
        assert_eq!(shown(read_number::<u64>(&negative, "a").unwrap_err()), "attribute a is unreadable");
    }
}
