//! Puts a document's history together from its partition, read backwards. DynamoDB shows the items of a transaction one by
//! one while it is being written: what belongs to an append that nobody was told of is left out, and what is not there
//! yet is reported as missing, so that the caller looks again.

use millrace_domain::{Document, DocumentKey, EventEnvelope, Version};
use millrace_ports::History;

use super::item::{Item, UnreadableItem};
use super::journal_item::JournalItem;

/// Why a history could not be put together.
#[derive(Debug)]
pub(crate) enum HistoryFault {
    /// An event before the head's version is not there; for a moment while an append is being written, otherwise for good.
    Missing(Version),
    /// An item cannot be read.
    Unreadable(UnreadableItem),
}

impl From<UnreadableItem> for HistoryFault {
    fn from(error: UnreadableItem) -> Self {
        Self::Unreadable(error)
    }
}

/// Whether the rest of the partition is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    /// Go on.
    Needed,
    /// The history is complete, or there is none.
    Done,
}

/// A history in the making.
#[derive(Debug)]
pub(crate) struct HistoryReader<'a> {
    key: &'a DocumentKey,
    /// The version that the history reaches down to so far; none before the head was seen.
    reached: Option<Version>,
    snapshot: Option<Document>,
    /// The newest first.
    events: Vec<EventEnvelope>,
}

impl<'a> HistoryReader<'a> {
    /// Of this document.
    pub(crate) fn new(key: &'a DocumentKey) -> Self {
        Self { key, reached: None, snapshot: None, events: Vec::new() }
    }

    /// Takes the next item down.
    pub(crate) fn take(&mut self, item: &Item) -> Result<Reading, HistoryFault> {
        let item = JournalItem::read(self.key, item)?;
        let Some(reached) = self.reached else {
            let JournalItem::Head(head) = item else { return Ok(Reading::Done) };
            self.reached = Some(head.version);
            return Ok(Reading::Needed);
        };
        match item {
            JournalItem::Head(_) => Err(UnreadableItem::because("sk", "a second head").into()),
            // Of an append that was not acknowledged when the head was read.
            JournalItem::Event(event) if self.events.is_empty() && event.sequence > reached => {
                Ok(Reading::Needed)
            }
            JournalItem::Event(event) if event.sequence == reached => {
                self.reached = Some(Version::new(reached.get() - 1));
                self.events.push(*event);
                Ok(Reading::Needed)
            }
            JournalItem::Event(_) => Err(HistoryFault::Missing(reached)),
            JournalItem::Snapshot { version, .. } if version > reached => Ok(Reading::Needed),
            JournalItem::Snapshot { version, .. } if version < reached => Err(HistoryFault::Missing(reached)),
            JournalItem::Snapshot { state, .. } => Ok(self.take_snapshot(&state)),
        }
    }

    /// A snapshot that another release wrote in a shape this one cannot read only saves time: the events before it say
    /// the same.
    fn take_snapshot(&mut self, state: &str) -> Reading {
        match serde_json::from_str(state) {
            Ok(document) => {
                self.snapshot = Some(document);
                Reading::Done
            }
            Err(error) => {
                tracing::warn!(document.id = %self.key.document_id, %error, "a snapshot is unreadable; folding more events");
                Reading::Needed
            }
        }
    }

    /// The history, once everything that is needed was taken; `None` if the document does not exist.
    pub(crate) fn finish(mut self) -> Result<Option<History>, HistoryFault> {
        let Some(reached) = self.reached else { return Ok(None) };
        if self.snapshot.is_none() && reached != Version::NONE {
            return Err(HistoryFault::Missing(reached));
        }
        self.events.reverse();
        Ok(Some(History { snapshot: self.snapshot, events: self.events }))
    }
}

#[cfg(test)]
mod tests {
    use millrace_domain::DocumentHead;
    use millrace_test_support::{SeededIds, Story};

    use super::*;
    use crate::dynamodb::item::text;
    use crate::dynamodb::journal_item::{event_item, head_item, snapshot_item};
    use crate::dynamodb::schema::journal::SNAPSHOT;

    /// A document of `count` events, and its events.
    fn told(count: u32) -> (Story, Vec<EventEnvelope>) {
        let ids = SeededIds::new(1);
        let mut story = Story::of(&ids, "acme");
        let mut events = story.upload(&ids).events;
        events.extend(story.waver(&ids, 0..count - 1).events);
        (story, events)
    }

    fn head_at(story: &Story, version: u64) -> Item {
        let head = DocumentHead { version: Version::new(version), ..story.state().head() };
        head_item(&story.key, &head)
    }

    fn read(key: &DocumentKey, items: &[Item]) -> Result<Option<History>, HistoryFault> {
        let mut reader = HistoryReader::new(key);
        for item in items {
            if reader.take(item)? == Reading::Done {
                break;
            }
        }
        reader.finish()
    }

    fn items(events: &[EventEnvelope]) -> Vec<Item> {
        events.iter().rev().map(|event| event_item(event).unwrap()).collect()
    }

    #[test]
    fn events_come_back_in_order() {
        let (story, events) = told(4);
        let partition = [vec![head_at(&story, 4)], items(&events)].concat();
        let history = read(&story.key, &partition).unwrap().unwrap();
        assert_eq!((history.snapshot, history.events), (None, events));
    }

    #[test]
    fn an_append_in_the_making_is_left_out_whole() {
        let (story, events) = told(4);
        let partition = [vec![head_at(&story, 2)], items(&events)].concat();
        assert_eq!(read(&story.key, &partition).unwrap().unwrap().events, events[..2]);
        let torn = [vec![head_at(&story, 1)], items(&events[3..]), items(&events[..1])].concat();
        assert_eq!(read(&story.key, &torn).unwrap().unwrap().events, events[..1]);
        assert_eq!(read(&story.key, &items(&events[..1])).unwrap(), None, "a first append without its head");
    }

    #[test]
    fn a_missing_event_is_named() {
        let (story, mut events) = told(4);
        let missing = |partition: &[Item]| match read(&story.key, partition) {
            Err(HistoryFault::Missing(version)) => version.get(),
            other => panic!("expected a missing event, got {other:?}"),
        };
        let late = [vec![head_at(&story, 4)], items(&events[..3])].concat();
        assert_eq!(missing(&late), 4);
        let first = [vec![head_at(&story, 4)], items(&events[1..])].concat();
        assert_eq!(missing(&first), 1);
        assert_eq!(missing(&[head_at(&story, 4)]), 4);
        events.remove(1);
        assert_eq!(missing(&[vec![head_at(&story, 4)], items(&events)].concat()), 2);
    }

    #[test]
    fn reading_ends_at_the_latest_snapshot_that_can_be_read() {
        let (mut story, events) = told(3);
        let (early, early_state) = (snapshot_item(&story.key, story.state()).unwrap(), story.state().clone());
        let more = story.waver(&SeededIds::new(2), 2..4).events;
        let mut late = snapshot_item(&story.key, story.state()).unwrap();
        let partition = |late: &Item| {
            [vec![head_at(&story, 5), late.clone()], items(&more), vec![early.clone()], items(&events)]
                .concat()
        };
        let history = read(&story.key, &partition(&late)).unwrap().unwrap();
        assert_eq!((history.snapshot.as_ref(), history.events.len()), (Some(story.state()), 0));
        late.insert(SNAPSHOT.into(), text(r#"{"of":"another release"}"#));
        let history = read(&story.key, &partition(&late)).unwrap().unwrap();
        assert_eq!((history.snapshot, history.events), (Some(early_state), more));
    }

    #[test]
    fn a_snapshot_above_a_gap_does_not_hide_it() {
        let (story, events) = told(4);
        let mut early = story.state().clone();
        early.version = Version::new(2);
        let snapshot = snapshot_item(&story.key, &early).unwrap();
        let partition = [vec![head_at(&story, 4)], items(&events[3..]), vec![snapshot]].concat();
        assert!(
            matches!(read(&story.key, &partition), Err(HistoryFault::Missing(version)) if version.get() == 3)
        );
    }
}
