//! How a message lies in the `messages` table, and how its receipt reads.

use std::collections::BTreeMap;

use millrace_domain::Timestamp;
use millrace_ports::{PortError, Receipt, ReceivedMessage};
use rusqlite::Row;

use crate::database::{corrupt, sql_error};

/// The columns that `read_message` expects, in its order.
pub(super) const MESSAGE_COLUMNS: &str = "id, share, receive_count, delivery, sent_at, attributes, body";

/// Ready to be received.
pub(super) const READY: i64 = 0;
/// Hidden until its time: delayed, in flight, or put back.
pub(super) const HIDDEN: i64 = 1;
/// In the dead-letter queue, since `visible_at`.
pub(super) const DEAD: i64 = 2;

/// Which delivery of which message a receipt stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Delivery {
    pub(super) id: i64,
    pub(super) number: i64,
}

impl Delivery {
    pub(super) fn to_receipt(self) -> Receipt {
        Receipt(format!("{}.{}", self.id, self.number))
    }

    /// None for a text that is no receipt of ours.
    pub(super) fn from_receipt(receipt: &Receipt) -> Option<Self> {
        let (id, number) = receipt.0.split_once('.')?;
        let delivery = Self { id: id.parse().ok()?, number: number.parse().ok()? };
        (delivery.number > 0).then_some(delivery)
    }
}

/// The text of attributes in their column.
pub(super) fn write_attributes(attributes: &BTreeMap<String, String>) -> String {
    serde_json::to_string(attributes).expect("a map of texts has no fallible serializer")
}

/// Reads the attributes' column.
pub(super) fn read_attributes(text: &str) -> Result<BTreeMap<String, String>, PortError> {
    serde_json::from_str(text).map_err(corrupt)
}

/// Reads a row of `MESSAGE_COLUMNS`.
pub(super) fn read_message(row: &Row<'_>) -> Result<ReceivedMessage, PortError> {
    let id: i64 = row.get(0).map_err(sql_error)?;
    let share: String = row.get(1).map_err(sql_error)?;
    let attributes: String = row.get(5).map_err(sql_error)?;
    let number = row.get(3).map_err(sql_error)?;
    Ok(ReceivedMessage {
        message_id: id.to_string(),
        receipt: Delivery { id, number }.to_receipt(),
        body: row.get(6).map_err(sql_error)?,
        group: (!share.is_empty()).then_some(share),
        attributes: read_attributes(&attributes)?,
        receive_count: row.get(2).map_err(sql_error)?,
        sent_at: Timestamp::from_millis(row.get(4).map_err(sql_error)?),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_receipt_reads_back(id in 0_i64.., number in 1_i64..) {
            let delivery = Delivery { id, number };
            prop_assert_eq!(Delivery::from_receipt(&delivery.to_receipt()), Some(delivery));
        }

        #[test]
        fn foreign_text_is_no_receipt_or_reads_back(text in "[0-9.x-]{0,12}") {
            if let Some(delivery) = Delivery::from_receipt(&Receipt(text)) {
                prop_assert!(delivery.number > 0);
            }
        }

        #[test]
        fn attributes_read_back(attributes in proptest::collection::btree_map(".*", ".*", 0..5)) {
            prop_assert_eq!(read_attributes(&write_attributes(&attributes)).unwrap(), attributes);
        }
    }
}
