//! `millrace dead-letters`: by why they were given up, and one by one from the oldest.

use super::table::{groups, letters};
use crate::arguments::DeadLetterListArguments;
use crate::client::DeadLetterFilter;
use crate::exit_code::ExitCode;
use crate::session::Session;

pub(super) async fn run(
    session: &Session<'_>,
    arguments: DeadLetterListArguments,
) -> anyhow::Result<ExitCode> {
    let filter = DeadLetterFilter::from(arguments.filter);
    let is_first_page = arguments.cursor.is_none();
    let page = session.client.dead_letters(&filter, arguments.limit, arguments.cursor).await?;
    let console = session.console;
    if console.json() {
        console.line(&page.text)?;
        return Ok(ExitCode::Done);
    }
    let page = page.value;
    if page.dead_letters.is_empty() {
        console.note("no dead letters");
        return Ok(ExitCode::Done);
    }
    if is_first_page {
        for line in groups(&page.groups).lines(console.style(), console.columns()) {
            console.line(&line)?;
        }
        console.line("")?;
    }
    for line in letters(&page.dead_letters).lines(console.style(), console.columns()) {
        console.line(&line)?;
    }
    if let Some(cursor) = page.next_cursor {
        console.note(&format!("there are more: --cursor {cursor}"));
    }
    Ok(ExitCode::Done)
}
