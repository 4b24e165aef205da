//! `millrace dead-letters --data-dir FOLDER redrive`: puts letters back, for the node to take when it runs again. A letter
//! that nobody could read may be read by the release that it is started with.

use std::num::NonZeroU32;

use millrace_application::{RedriveDeadLetters, RedriveReport, RedriveRequest};
use serde_json::json;

use super::super::{counted, missing, table};
use super::list::{described, entry};
use super::{Letters, filter};
use crate::arguments::RedriveArguments;
use crate::exit_code::ExitCode;
use crate::output::Console;

pub(super) async fn run(
    letters: &Letters,
    arguments: RedriveArguments,
    console: &Console,
) -> anyhow::Result<ExitCode> {
    let RedriveArguments { selection, dry_run, rate } = arguments;
    let named = selection.messages.len() as u64;
    let request = RedriveRequest {
        scope: letters.scope.clone(),
        filter: filter(selection.filter, selection.messages)?,
        dry_run,
        max_per_second: rate.and_then(NonZeroU32::new),
    };
    let use_case = RedriveDeadLetters::new(letters.queue.clone());
    let (mut matched, mut moved) = (0, 0);
    loop {
        let report = use_case.run(&request).await?;
        moved += report.moved;
        matched = report.matched.max(matched);
        tell(&report, dry_run, console)?;
        // With a rate, the next letters would begin before these have been delivered.
        if !report.more || report.moved == 0 || dry_run || rate.is_some() {
            break;
        }
    }
    if !console.json() {
        let verb = if dry_run { "would go back to work" } else { "back at work when the node runs" };
        console.line(&format!("{} {verb}", counted(moved)))?;
    }
    Ok(missing(console, named, matched))
}

fn tell(report: &RedriveReport, dry_run: bool, console: &Console) -> anyhow::Result<()> {
    if console.json() {
        let letters: Vec<_> = report.letters.iter().map(described).collect();
        let answer = json!({
            "dry_run": dry_run, "matched": report.matched, "moved": report.moved, "more": report.more,
            "lasting_ms": report.lasting_ms, "dead_letters": letters,
        });
        console.line(&answer.to_string())?;
    } else if dry_run && !report.letters.is_empty() {
        let letters: Vec<_> = report.letters.iter().map(entry).collect();
        for line in table::letters(&letters).lines(console.style(), console.columns()) {
            console.line(&line)?;
        }
    }
    Ok(())
}
