//! `millrace dead-letters --data-dir FOLDER`: by why they were given up, and one by one from the oldest. Prints what the
//! server's list does, with the letters of every tenant.

use millrace_application::{DeadLetterEntry, DeadLetterGroup, DeadLetterList, ListDeadLetters};
use millrace_domain::Timestamp;
use serde_json::{Value, json};

use super::super::table;
use super::{Letters, filter};
use crate::arguments::DeadLetterListArguments;
use crate::client;
use crate::exit_code::ExitCode;
use crate::output::Console;

pub(super) async fn run(
    letters: &Letters,
    arguments: DeadLetterListArguments,
    console: &Console,
) -> anyhow::Result<ExitCode> {
    anyhow::ensure!(
        arguments.cursor.is_none(),
        "--cursor is a server's; here, raise --limit or narrow the list"
    );
    let filter = filter(arguments.filter, Vec::new())?;
    let query = ListDeadLetters::new(letters.queue.clone());
    let list = query.run(&letters.scope, &filter, None, usize::from(arguments.limit)).await?;
    if console.json() {
        console.line(&page(&list).to_string())?;
        return Ok(ExitCode::Done);
    }
    if list.entries.is_empty() {
        console.note("no dead letters");
        return Ok(ExitCode::Done);
    }
    let groups: Vec<_> = list.groups.iter().map(group).collect();
    for line in table::groups(&groups).lines(console.style(), console.columns()) {
        console.line(&line)?;
    }
    console.line("")?;
    let entries: Vec<_> = list.entries.iter().map(entry).collect();
    for line in table::letters(&entries).lines(console.style(), console.columns()) {
        console.line(&line)?;
    }
    if list.next.is_some() {
        console.note("there are more: raise --limit, or narrow the list");
    }
    if !list.complete {
        console.note("only the oldest of each queue were looked at");
    }
    Ok(ExitCode::Done)
}

/// The page as a server would answer it.
fn page(list: &DeadLetterList) -> Value {
    let groups = list.groups.iter().map(|group| {
        json!({
            "error_code": group.error_code, "count": group.count, "oldest_at": group.oldest_at,
            "newest_at": group.newest_at, "sample_message_ids": group.sample_ids,
            "sample_reason": group.sample_reason,
        })
    });
    json!({
        "groups": groups.collect::<Vec<_>>(),
        "dead_letters": list.entries.iter().map(described).collect::<Vec<_>>(),
        "next_cursor": null,
        "complete": list.complete && list.next.is_none(),
    })
}

/// What can be said of a letter.
pub(super) fn described(entry: &DeadLetterEntry) -> Value {
    let subject = entry.subject.as_ref();
    json!({
        "message_id": entry.message_id,
        "queue": entry.queue.as_str(),
        "kind": subject.map(|subject| &subject.kind),
        "document_id": subject.map(|subject| subject.key.document_id),
        "tenant_id": subject.map(|subject| &subject.key.tenant_id),
        "error_code": entry.error_code,
        "reason": entry.reason,
        "receive_count": entry.receive_count,
        "sent_at": entry.sent_at,
    })
}

fn group(group: &DeadLetterGroup) -> client::DeadLetterGroup {
    client::DeadLetterGroup {
        error_code: group.error_code.clone(),
        count: group.count,
        oldest_at: text(group.oldest_at),
        newest_at: text(group.newest_at),
        sample_reason: group.sample_reason.clone(),
    }
}

/// A letter for the tables.
pub(super) fn entry(entry: &DeadLetterEntry) -> client::DeadLetter {
    let subject = entry.subject.as_ref();
    client::DeadLetter {
        message_id: entry.message_id.clone(),
        queue: entry.queue.as_str().to_owned(),
        kind: subject.map(|subject| subject.kind.clone()),
        document_id: subject.map(|subject| subject.key.document_id.to_string()),
        error_code: entry.error_code.clone(),
        reason: entry.reason.clone(),
        sent_at: text(entry.sent_at),
    }
}

fn text(at: Timestamp) -> String {
    at.to_string()
}
