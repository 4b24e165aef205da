//! Everything that one append writes, as one DynamoDB transaction. Conditions hold the version, the newness of the events
//! and the claim; a token made of the content lets the service recognise a repetition.

use aws_sdk_dynamodb::types::builders::PutBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem};
use millrace_domain::Version;
use millrace_ports::{APPEND_EVENTS_MAX, Append, Claim, ErrorKind, PortError};
use sha2::{Digest, Sha256};

use super::claim_update::{ClaimUpdate, check_result};
use super::dynamodb_event_store::JournalTables;
use super::failure::Role;
use super::item::{ITEM_BYTES_MAX, Item, check_size, number};
use super::journal_item::{event_item, head_item, snapshot_item, with_appended};
use super::schema::journal::VERSION;

/// The most items of one transaction.
const TRANSACTION_ITEMS_MAX: usize = 100;
/// The most bytes of all items of one transaction.
const TRANSACTION_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Bytes of the content's hash that make the token: as text 32 of the 36 characters that it may have.
const TOKEN_BYTES: usize = 16;

// Events, the claim, the head and a snapshot.
const _: () = assert!(APPEND_EVENTS_MAX + 3 <= TRANSACTION_ITEMS_MAX);
// The head carries all events, so they are no larger together than it; the claim and the snapshot are items, too.
const _: () = assert!(5 * ITEM_BYTES_MAX <= TRANSACTION_BYTES_MAX);

const IS_NEW: &str = "attribute_not_exists(pk)";
const HAS_EXPECTED_VERSION: &str = "#version = :expected";

/// A transaction, ready to be sent.
#[derive(Debug)]
pub(crate) struct AppendTransaction {
    /// What is written.
    pub(crate) items: Vec<TransactWriteItem>,
    /// What each item is, in the same order.
    pub(crate) roles: Vec<Role>,
    /// The same for the same content: a repetition within ten minutes changes nothing and succeeds. After that the
    /// conditions refuse it.
    pub(crate) token: String,
}

impl AppendTransaction {
    /// The transaction of an append.
    pub(crate) fn of(append: &Append, tables: &JournalTables, attempted: &str) -> Result<Self, PortError> {
        let invalid = |error: serde_json::Error| PortError::caused(ErrorKind::Invalid, attempted, error);
        append.check().map_err(|rule| PortError::caused(ErrorKind::Invalid, attempted, rule))?;
        let events = append.events.iter().map(event_item).collect::<Result<Vec<_>, _>>().map_err(invalid)?;
        let head = with_appended(head_item(&append.key, &append.head), &events);
        let snapshot = append.snapshot.as_deref().map(|state| snapshot_item(&append.key, state));
        let snapshot = snapshot.transpose().map_err(invalid)?;
        let written: Vec<&Item> = events.iter().chain([&head]).chain(&snapshot).collect();
        check_sizes(&written, append.completes.as_ref(), attempted)?;
        let token = token(&written, append, tables);

        let mut transaction = Self { items: Vec::new(), roles: Vec::new(), token };
        if let (Some((claim, result)), Some(last)) = (&append.completes, append.events.last()) {
            let completion = ClaimUpdate::complete(claim, result, last.time).in_transaction(&tables.ledger);
            transaction.push(Role::Claim, TransactWriteItem::builder().update(completion).build());
        }
        let journal = tables.journal.as_str();
        transaction.put(Role::Head, head_put(journal, head, append.expected));
        for event in events {
            transaction.put(Role::Event, put(journal, event).condition_expression(IS_NEW));
        }
        if let Some(snapshot) = snapshot {
            transaction.put(Role::Snapshot, put(journal, snapshot));
        }
        Ok(transaction)
    }

    fn put(&mut self, role: Role, put: PutBuilder) {
        let put = put.build().expect("table and item are set");
        self.push(role, TransactWriteItem::builder().put(put).build());
    }

    fn push(&mut self, role: Role, item: TransactWriteItem) {
        self.items.push(item);
        self.roles.push(role);
    }
}

fn put(table: &str, item: Item) -> PutBuilder {
    Put::builder().table_name(table).set_item(Some(item))
}

fn head_put(table: &str, head: Item, expected: Version) -> PutBuilder {
    let put = put(table, head);
    if expected == Version::NONE {
        return put.condition_expression(IS_NEW);
    }
    put.condition_expression(HAS_EXPECTED_VERSION)
        .expression_attribute_names("#version", VERSION)
        .expression_attribute_values(":expected", number(expected))
}

fn check_sizes(
    written: &[&Item],
    completes: Option<&(Claim, String)>,
    attempted: &str,
) -> Result<(), PortError> {
    written.iter().try_for_each(|item| check_size(item, attempted))?;
    completes.map_or(Ok(()), |(_, result)| check_result(result, attempted))
}

/// Two appends with the same token are the same in everything that is written, where, and on which conditions: the service
/// refuses a token that comes with another content, and knows tokens by account, not by table.
fn token(written: &[&Item], append: &Append, tables: &JournalTables) -> String {
    let mut hash = Sha256::new();
    let mut part = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    };
    [&tables.journal, &tables.ledger].iter().for_each(|table| part(table.as_str().as_bytes()));
    part(&append.expected.get().to_be_bytes());
    for item in written {
        let mut attributes: Vec<(&String, &AttributeValue)> = item.iter().collect();
        attributes.sort_unstable_by_key(|(name, _)| *name);
        for (name, value) in attributes {
            part(name.as_bytes());
            part(written_value(value).as_bytes());
        }
    }
    if let Some((claim, result)) = &append.completes {
        [claim.step.as_str(), &claim.owner.to_string(), result].iter().for_each(|text| part(text.as_bytes()));
    }
    hex::encode(&hash.finalize()[..TOKEN_BYTES])
}

/// A value, such that no two values of one attribute look alike.
fn written_value(value: &AttributeValue) -> &str {
    match value {
        AttributeValue::S(text) | AttributeValue::N(text) => text,
        AttributeValue::Bool(true) => "true",
        AttributeValue::Bool(false) => "false",
        // The list in a head repeats the events, which are hashed as items of their own.
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use millrace_domain::{Document, Timestamp};
    use millrace_ports::{IdGenerator, StepKey};
    use millrace_test_support::builders::completing;
    use millrace_test_support::{SIM_START, SeededIds, Story};

    use super::*;

    fn tables() -> JournalTables {
        JournalTables { journal: "journal".parse().unwrap(), ledger: "ledger".parse().unwrap() }
    }

    fn transaction(append: &Append) -> AppendTransaction {
        AppendTransaction::of(append, &tables(), "append").unwrap()
    }

    fn claim(ids: &SeededIds) -> Claim {
        let step = StepKey::restart(&Story::of(ids, "acme").key, Version::new(1));
        Claim { step, owner: ids.uuid(), expires_at: SIM_START, attempt: 1, memo: String::new() }
    }

    #[test]
    fn the_token_follows_from_the_content_and_fits() {
        let ids = SeededIds::new(1);
        let mut story = Story::of(&ids, "acme");
        let append = story.upload(&ids);
        let token = transaction(&append).token;
        assert_eq!(token.len(), 32);
        assert_eq!(transaction(&append.clone()).token, token);

        let mut other_id = append.clone();
        other_id.events[0].id = ids.event_id();
        let mut later = append.clone();
        later.events[0].time = Timestamp::from_millis(1);
        let mut head = append.clone();
        head.head.unsettled_since = None;
        let held = claim(&ids);
        let claimed = completing(append.clone(), &held, "done");
        let with_another_result = completing(append.clone(), &held, "other");
        let of_another_owner = completing(append.clone(), &Claim { owner: ids.uuid(), ..held }, "done");
        let mut snapshot = append.clone();
        snapshot.snapshot = Some(Box::new(story.state().clone()));
        let elsewhere = JournalTables { journal: "another-journal".parse().unwrap(), ..tables() };
        let mut tokens = vec![token, AppendTransaction::of(&append, &elsewhere, "append").unwrap().token];
        for other in [other_id, later, head, claimed, with_another_result, of_another_owner, snapshot] {
            tokens.push(transaction(&other).token);
        }
        let count = tokens.len();
        tokens.sort_unstable();
        tokens.dedup();
        assert_eq!(tokens.len(), count, "two contents share a token");
    }

    #[test]
    fn the_largest_append_fits_into_a_transaction() {
        let ids = SeededIds::new(1);
        let mut story = Story::of(&ids, "acme");
        story.upload(&ids);
        let mut append = story.waver(&ids, 0..10);
        append.snapshot = Some(Box::new(story.state().clone()));
        let transaction = transaction(&completing(append, &claim(&ids), "done"));
        assert_eq!((transaction.items.len(), transaction.roles.len()), (13, 13));
        assert_eq!(transaction.roles[..3], [Role::Claim, Role::Head, Role::Event]);
        assert_eq!(transaction.roles[12], Role::Snapshot);
    }

    #[test]
    fn a_snapshot_above_the_size_of_an_item_is_invalid() {
        let ids = SeededIds::new(1);
        let mut story = Story::of(&ids, "acme");
        let mut append = story.upload(&ids);
        let filename = "x".repeat(ITEM_BYTES_MAX);
        append.snapshot = Some(Box::new(Document { filename, ..story.state().clone() }));
        let error = AppendTransaction::of(&append, &tables(), "append").unwrap_err();
        assert_eq!(error.kind, ErrorKind::Invalid);
    }

    #[test]
    fn a_result_above_the_size_of_an_item_is_invalid() {
        let ids = SeededIds::new(1);
        let append = Story::of(&ids, "acme").upload(&ids);
        let with_result = |bytes: usize| completing(append.clone(), &claim(&ids), &"x".repeat(bytes));
        let outcome = |bytes| AppendTransaction::of(&with_result(bytes), &tables(), "append").map(drop);
        assert!(outcome(1_000).is_ok());
        assert_eq!(outcome(ITEM_BYTES_MAX).unwrap_err().kind, ErrorKind::Invalid);
    }

    /// The head carries all events, so together they are far below what a transaction takes.
    #[test]
    fn events_above_the_size_of_their_head_are_invalid() {
        let ids = SeededIds::new(1);
        let mut story = Story::of(&ids, "acme");
        story.upload(&ids);
        let append = story.waver(&ids, 0..10);
        let outcome = |bytes: usize| {
            let mut append = append.clone();
            for event in &mut append.events {
                event.trace.traceparent = Some("x".repeat(bytes));
            }
            AppendTransaction::of(&append, &tables(), "append").map(drop)
        };
        assert!(outcome(ITEM_BYTES_MAX / 10 - 2_000).is_ok());
        assert_eq!(outcome(ITEM_BYTES_MAX / 10).unwrap_err().kind, ErrorKind::Invalid);
    }
}
