//! `millrace dead-letters --data-dir FOLDER discard`: removes letters for good. What they would have done stays undone; a
//! document that failed with one can be retried all the same.

use millrace_application::ReadDeadLetters;

use super::super::{counted, missing};
use super::{Letters, filter, queues};
use crate::arguments::DiscardArguments;
use crate::exit_code::ExitCode;
use crate::output::Console;

pub(super) async fn run(
    letters: &Letters,
    arguments: DiscardArguments,
    console: &Console,
) -> anyhow::Result<ExitCode> {
    let named = arguments.selection.messages.len() as u64;
    let filter = filter(arguments.selection.filter, arguments.selection.messages)?;
    let query = ReadDeadLetters::new(letters.queue.clone());
    let mut discarded = 0;
    for queue in queues(&filter) {
        let mut after = None;
        loop {
            let page = query.run(queue, &letters.scope, &filter, after.as_deref()).await?;
            let ids: Vec<_> = page.letters.into_iter().map(|whole| whole.entry.message_id).collect();
            discarded += match arguments.dry_run {
                true => ids.len(),
                false => letters.queue.discard_dead_letters(queue, &ids).await?.len(),
            } as u64;
            after = page.next;
            if after.is_none() {
                break;
            }
        }
    }
    let verb = if arguments.dry_run { "would be discarded" } else { "discarded" };
    if console.json() {
        let done = serde_json::json!({ "dry_run": arguments.dry_run, "discarded": discarded });
        console.line(&done.to_string())?;
    } else {
        console.line(&format!("{} {verb}", counted(discarded)))?;
    }
    Ok(missing(console, named, discarded))
}
