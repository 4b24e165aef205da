//! The rules that a caller's mistake would break; a broken one must not reach the history.

use millrace_ports::{APPEND_EVENTS_MAX, Append};

/// Which rule an append breaks.
pub(crate) fn check_append(append: &Append) -> Result<(), &'static str> {
    let count = append.events.len();
    if count == 0 || count > APPEND_EVENTS_MAX {
        return Err("an append has 1 to 10 events");
    }
    let first = append.expected.get() + 1;
    let in_order =
        append.events.iter().zip(first..).all(|(event, sequence)| event.sequence.get() == sequence);
    if !in_order {
        return Err("the events of an append follow its expected version without gaps");
    }
    if append.events.iter().any(|event| event.key() != append.key) {
        return Err("all events of an append belong to its document");
    }
    if append.head.version.get() != append.expected.get() + count as u64 {
        return Err("the head of an append has the version after its events");
    }
    if append.snapshot.as_ref().is_some_and(|snapshot| snapshot.version != append.head.version) {
        return Err("the snapshot of an append has the version after its events");
    }
    Ok(())
}
