//! `millrace dead-letters redrive`: puts dead letters back to work, as many requests as it takes.

use super::table::letters;
use super::{counted, missing};
use crate::arguments::RedriveArguments;
use crate::client::{DeadLetterFilter, Redrive, Redriven};
use crate::exit_code::ExitCode;
use crate::output::age_text;
use crate::session::Session;

pub(super) async fn run(session: &Session<'_>, arguments: RedriveArguments) -> anyhow::Result<ExitCode> {
    let redrive = request(arguments);
    let named = redrive.message_ids.as_ref().map_or(0, Vec::len) as u64;
    let mut total = Redriven::default();
    loop {
        let answer = session.client.redrive(&redrive).await?;
        if session.console.json() {
            session.console.line(&answer.text)?;
        }
        let Redriven { matched, moved, more, lasting_ms, dead_letters } = answer.value;
        total.moved += moved;
        total.matched = total.matched.max(matched);
        total.lasting_ms = total.lasting_ms.max(lasting_ms);
        total.more = more;
        total.dead_letters.extend(dead_letters);
        // With a rate, the next request would begin before the messages of this one have been delivered.
        if !more || moved == 0 || redrive.dry_run || redrive.max_per_second.is_some() {
            break;
        }
    }
    if !session.console.json() {
        tell(session, &redrive, &total)?;
    }
    Ok(missing(session.console, named, total.matched))
}

fn request(arguments: RedriveArguments) -> Redrive {
    let filter = DeadLetterFilter::from(arguments.selection.filter);
    Redrive {
        all: arguments.selection.all,
        dry_run: arguments.dry_run,
        max_per_second: arguments.rate,
        filter: Some(filter).filter(|filter| *filter != DeadLetterFilter::default()),
        message_ids: Some(arguments.selection.messages).filter(|ids| !ids.is_empty()),
    }
}

fn tell(session: &Session<'_>, redrive: &Redrive, total: &Redriven) -> anyhow::Result<()> {
    let console = session.console;
    if redrive.dry_run && !total.dead_letters.is_empty() {
        for line in letters(&total.dead_letters).lines(console.style(), console.columns()) {
            console.line(&line)?;
        }
    }
    let verb = match (redrive.dry_run, total.moved) {
        (true, _) => "would go back to work",
        (false, 1) => "goes back to work",
        (false, _) => "go back to work",
    };
    let spread = match total.lasting_ms {
        0 => String::new(),
        lasting_ms => format!(", the last after {}", age_text(lasting_ms)),
    };
    console.line(&format!("{} {verb}{spread}", counted(total.moved)))?;
    if total.more {
        console.note("there are more that match: run it again for the rest");
    }
    Ok(())
}
