//! How events, heads and snapshots lie in the journal.
//!
//! The relay reads the events out of the heads: the table's stream promises an order only for one item, and shows the
//! items of a transaction in any order. A head is written by every append and carries its events, so the records of the
//! head are the document's events in order.
//!
//! In a document's partition an event lies at its sequence, the snapshot of version 50 at 50.5, and the head above all of
//! them. Read backwards, the head comes first, then the latest events down to the latest snapshot: one request.

use aws_sdk_dynamodb::types::AttributeValue;
use millrace_domain::{
    CollectionName, Document, DocumentHead, DocumentId, DocumentKey, EventEnvelope, Generation, Publication,
    Status, Version,
};

use super::document_partition::{collection_key, document_partition};
use super::item::{
    Item, UnreadableItem, instant, item_of, number, optional_instant, optional_number, parse_text,
    read_number, read_text, text,
};
use super::schema::journal::{
    APPENDED, COLLECTION, ENVELOPE, HEAD_SORT, LIVE_COLLECTION, PUBLISHED_GENERATION, PUBLISHED_UPLOAD,
    PUBLISHED_VECTORS, SNAPSHOT, STATUS, UNSETTLED_SHARD, UNSETTLED_SINCE, VERSION,
};
use super::schema::{PARTITION, SORT};

/// The index of documents that are owed work is spread over so many partitions, each of which takes about 500 appends a
/// second; a single one would slow down all appends together.
pub(crate) const UNSETTLED_SHARDS: u8 = 16;

/// The keys of a document's head.
pub(crate) fn head_key(key: &DocumentKey) -> Item {
    item_of([(PARTITION, document_partition(key)), (SORT, AttributeValue::N(HEAD_SORT.into()))])
}

/// An event's item.
pub(crate) fn event_item(event: &EventEnvelope) -> Result<Item, serde_json::Error> {
    Ok(item_of([
        (PARTITION, document_partition(&event.key())),
        (SORT, number(event.sequence)),
        (ENVELOPE, text(serde_json::to_string(event)?)),
    ]))
}

/// A snapshot's item.
pub(crate) fn snapshot_item(key: &DocumentKey, document: &Document) -> Result<Item, serde_json::Error> {
    Ok(item_of([
        (PARTITION, document_partition(key)),
        (SORT, number(format_args!("{}.5", document.version))),
        (VERSION, number(document.version)),
        (SNAPSHOT, text(serde_json::to_string(document)?)),
    ]))
}

/// A head's item.
pub(crate) fn head_item(key: &DocumentKey, head: &DocumentHead) -> Item {
    let mut item = head_key(key);
    item.extend(item_of([
        (VERSION, number(head.version)),
        (COLLECTION, text(head.collection.as_str())),
        (STATUS, text(head.status.as_str())),
    ]));
    if let Some(published) = head.published {
        item.extend(item_of([
            (PUBLISHED_GENERATION, number(published.generation)),
            (PUBLISHED_UPLOAD, text(published.upload_id.to_string())),
            (PUBLISHED_VECTORS, AttributeValue::Bool(published.vectors)),
        ]));
    }
    if !head.status.is_gone() {
        item.insert(LIVE_COLLECTION.to_owned(), collection_key(&key.tenant_id, &head.collection));
    }
    if let Some(since) = head.unsettled_since {
        item.extend(item_of([
            (UNSETTLED_SINCE, instant(since)),
            (UNSETTLED_SHARD, number(unsettled_shard(key.document_id))),
        ]));
    }
    item
}

/// The same with the events of the append that writes it, given as their own items.
pub(crate) fn with_appended(mut head: Item, events: &[Item]) -> Item {
    let envelopes = events.iter().filter_map(|event| event.get(ENVELOPE).cloned()).collect();
    head.insert(APPENDED.to_owned(), AttributeValue::L(envelopes));
    head
}

/// Reads a head's item.
pub(crate) fn read_head(item: &Item) -> Result<DocumentHead, UnreadableItem> {
    Ok(DocumentHead {
        version: Version::new(read_number(item, VERSION)?),
        collection: parse_text::<CollectionName>(item, COLLECTION)?,
        status: status_named(read_text(item, STATUS)?).ok_or_else(|| unknown_status(item))?,
        published: read_publication(item)?,
        unsettled_since: optional_instant(item, UNSETTLED_SINCE)?,
    })
}

fn read_publication(item: &Item) -> Result<Option<Publication>, UnreadableItem> {
    let Some(generation) = optional_number(item, PUBLISHED_GENERATION)? else { return Ok(None) };
    let vectors = item.get(PUBLISHED_VECTORS).ok_or(UnreadableItem::Missing(PUBLISHED_VECTORS))?;
    Ok(Some(Publication {
        generation: Generation::new(generation),
        upload_id: parse_text(item, PUBLISHED_UPLOAD)?,
        vectors: *vectors.as_bool().map_err(|_| UnreadableItem::OtherType(PUBLISHED_VECTORS))?,
    }))
}

fn status_named(name: &str) -> Option<Status> {
    Status::ALL.into_iter().find(|status| status.as_str() == name)
}

fn unknown_status(item: &Item) -> UnreadableItem {
    UnreadableItem::because(STATUS, format!("unknown status {:?}", item.get(STATUS)))
}

/// The end of a UUIDv7 is random, so documents spread evenly.
fn unsettled_shard(document: DocumentId) -> u8 {
    document.as_uuid().as_bytes()[15] % UNSETTLED_SHARDS
}

/// An item of a document's partition.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum JournalItem {
    /// The head.
    Head(DocumentHead),
    /// An event.
    Event(Box<EventEnvelope>),
    /// A snapshot.
    Snapshot {
        /// After which event.
        version: Version,
        /// The state as JSON; it is read only if it is needed.
        state: String,
    },
}

impl JournalItem {
    /// Reads an item; `key` is the document in whose partition it lies.
    pub(crate) fn read(key: &DocumentKey, item: &Item) -> Result<Self, UnreadableItem> {
        if item.contains_key(ENVELOPE) {
            return read_event(key, item).map(|event| Self::Event(Box::new(event)));
        }
        if item.contains_key(SNAPSHOT) {
            let version = Version::new(read_number(item, VERSION)?);
            return Ok(Self::Snapshot { version, state: read_text(item, SNAPSHOT)?.to_owned() });
        }
        read_head(item).map(Self::Head)
    }
}

/// Reads an event's item; an envelope that lies where it does not belong is refused.
pub(crate) fn read_event(key: &DocumentKey, item: &Item) -> Result<EventEnvelope, UnreadableItem> {
    let event: EventEnvelope = serde_json::from_str(read_text(item, ENVELOPE)?)
        .map_err(|error| UnreadableItem::because(ENVELOPE, error))?;
    let sequence = Version::new(read_number(item, SORT)?);
    if event.key() != *key || event.sequence != sequence {
        let found = format!("it is event {} of document {}", event.sequence, event.document_id);
        return Err(UnreadableItem::because(ENVELOPE, found));
    }
    Ok(event)
}

#[cfg(test)]
mod tests {
    use aws_lambda_events::event::dynamodb::EventRecord;
    use millrace_function_runtime::{envelopes_of_record, to_stream_record};
    use millrace_test_support::strategies::{document_key, head, story};
    use millrace_test_support::{SeededIds, Story};
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::dynamodb::document_partition::read_document_partition;
    use crate::dynamodb::schema::journal::{STREAM_FILTER, TABLE};
    use crate::dynamodb::wire::{item_of_wire, wire_item};

    proptest! {
        #[test]
        fn a_head_reads_back_as_written(key in document_key(), head in head()) {
            let item = head_item(&key, &head);
            prop_assert_eq!(read_document_partition(&item).unwrap(), key.clone());
            prop_assert_eq!(JournalItem::read(&key, &item).unwrap(), JournalItem::Head(head));
        }

        #[test]
        fn events_and_a_snapshot_read_back_as_written(
            mut told in story(),
            label in ".{1,40}",
            traceparent in proptest::option::of(".*"),
        ) {
            let snapshot = snapshot_item(&told.key, told.state()).unwrap();
            let JournalItem::Snapshot { version, state } = JournalItem::read(&told.key, &snapshot).unwrap() else {
                panic!("a snapshot was written");
            };
            prop_assert_eq!(version, told.version());
            prop_assert_eq!(&serde_json::from_str::<Document>(&state).unwrap(), told.state());
            if !told.state().status.is_gone() {
                let mut event = told.classify(&SeededIds::new(7), &label).events.remove(0);
                event.trace.traceparent = traceparent;
                let read = JournalItem::read(&told.key, &event_item(&event).unwrap()).unwrap();
                prop_assert_eq!(read, JournalItem::Event(Box::new(event)));
            }
        }
    }

    fn uploaded() -> (Story, EventEnvelope) {
        let ids = SeededIds::new(1);
        let mut story = Story::of(&ids, "acme");
        let event = story.upload(&ids).events.remove(0);
        (story, event)
    }

    fn read_by_relay(name: &str, item: &Item) -> Vec<EventEnvelope> {
        let mut record = serde_json::to_value(to_stream_record(&uploaded().1, 7)).unwrap();
        record["eventName"] = name.into();
        record["dynamodb"]["NewImage"] = wire_item(item);
        let record: EventRecord = serde_json::from_value(record).unwrap();
        envelopes_of_record(&record).unwrap()
    }

    #[test]
    fn the_relay_reads_the_events_of_a_head_and_passes_over_other_items() {
        let (mut story, first) = uploaded();
        let more = story.waver(&SeededIds::new(2), 0..3).events;
        let head = head_item(&story.key, &story.state().head());
        let items: Vec<Item> = more.iter().map(|event| event_item(event).unwrap()).collect();
        assert_eq!(read_by_relay("MODIFY", &with_appended(head, &items)), more);
        let snapshot = snapshot_item(&story.key, story.state()).unwrap();
        for item in [event_item(&first).unwrap(), snapshot] {
            assert_eq!(read_by_relay("INSERT", &item), []);
        }
    }

    /// What `serve` gives to the relay is what the stream would.
    #[test]
    fn a_record_made_without_a_stream_has_the_shape_of_a_head() {
        let (story, event) = uploaded();
        let head =
            with_appended(head_item(&story.key, &story.state().head()), &[event_item(&event).unwrap()]);
        let made = serde_json::to_value(to_stream_record(&event, 7)).unwrap();
        let (made, image) = (made["dynamodb"]["NewImage"].as_object().unwrap(), wire_item(&head));
        assert_eq!(made.len(), 4);
        assert!(made.iter().all(|(name, value)| image[name] == *value), "{made:?} is not in {image}");
    }

    /// The sample invocations of the relay are what its tests stand on.
    #[test]
    fn the_samples_of_the_relay_have_the_written_shapes() {
        let samples = [
            include_str!("../../../../events/event-relay/new_events.json"),
            include_str!("../../../../events/event-relay/duplicate_in_batch.json"),
            include_str!("../../../../events/event-relay/other_items.json"),
        ];
        let mut heads = 0;
        for sample in samples {
            let sample: Value = serde_json::from_str(sample).unwrap();
            for record in sample["Records"].as_array().unwrap() {
                assert_eq!(record["dynamodb"]["StreamViewType"], "NEW_IMAGE");
                let image = &record["dynamodb"]["NewImage"];
                let is_head = record["dynamodb"]["Keys"]["sk"]["N"] == HEAD_SORT;
                assert_eq!(is_head && !image.is_null(), image.get(APPENDED).is_some());
                if image.is_null() {
                    continue;
                }
                let item = item_of_wire(image);
                let key = read_document_partition(&item).unwrap();
                let written = match JournalItem::read(&key, &item).unwrap() {
                    JournalItem::Head(head) => {
                        heads += 1;
                        let mut written = head_item(&key, &head);
                        written.insert(APPENDED.into(), item[APPENDED].clone());
                        written
                    }
                    JournalItem::Event(_) | JournalItem::Snapshot { .. } => item.clone(),
                };
                assert_eq!(wire_item(&written), *image);
            }
        }
        assert_eq!(heads, 5);
    }

    #[test]
    fn the_filter_of_the_stream_is_for_heads() {
        let filter: Value = serde_json::from_str(STREAM_FILTER).unwrap();
        assert_eq!(filter["dynamodb"]["Keys"]["sk"]["N"], json!([HEAD_SORT]));
        assert_eq!(filter["eventName"], json!(["INSERT", "MODIFY"]));
    }

    #[test]
    fn an_event_in_another_place_is_not_believed() {
        let (story, event) = uploaded();
        let mut item = event_item(&event).unwrap();
        item.insert(SORT.into(), number(2));
        assert!(read_event(&story.key, &item).is_err());
        let other = Story::of(&SeededIds::new(9), "acme").key;
        assert!(read_event(&other, &event_item(&event).unwrap()).is_err());
    }

    #[test]
    fn only_heads_of_unsettled_documents_are_in_the_index() {
        let (story, _) = uploaded();
        let index = TABLE.indexes[0];
        let keyed =
            |item: &Item| (item.contains_key(index.partition.name), item.contains_key(index.sort.name));
        let mut head = story.state().head();
        assert_eq!(keyed(&head_item(&story.key, &head)), (true, true));
        head.unsettled_since = None;
        assert_eq!(keyed(&head_item(&story.key, &head)), (false, false));
    }

    #[test]
    fn only_heads_of_documents_that_are_to_stay_are_in_the_index_of_collections() {
        let (story, _) = uploaded();
        let index = TABLE.indexes[1];
        let mut head = story.state().head();
        for status in Status::ALL {
            head.status = status;
            let item = head_item(&story.key, &head);
            assert_eq!(item.contains_key(index.partition.name), !status.is_gone(), "{status}");
            assert!(item.contains_key(index.sort.name));
        }
    }

    #[test]
    fn a_head_lies_above_every_event() {
        assert!(HEAD_SORT.parse::<u128>().unwrap() > u128::from(u64::MAX));
    }
}
