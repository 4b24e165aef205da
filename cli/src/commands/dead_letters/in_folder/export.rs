//! `millrace dead-letters --data-dir FOLDER export`: letters whole, a JSON object on each line, to examine or to keep before
//! they are discarded. Nothing is changed.

use millrace_application::{ReadDeadLetters, WholeLetter};
use serde_json::{Value, json};

use super::super::{counted, missing};
use super::list::described;
use super::{Letters, filter, queues};
use crate::arguments::ExportArguments;
use crate::exit_code::ExitCode;
use crate::output::Console;

pub(super) async fn run(
    letters: &Letters,
    arguments: ExportArguments,
    console: &Console,
) -> anyhow::Result<ExitCode> {
    let named = arguments.messages.len() as u64;
    let filter = filter(arguments.filter, arguments.messages)?;
    let query = ReadDeadLetters::new(letters.queue.clone());
    let mut exported = 0;
    for queue in queues(&filter) {
        let mut after = None;
        loop {
            let page = query.run(queue, &letters.scope, &filter, after.as_deref()).await?;
            for whole in &page.letters {
                console.line(&line(whole).to_string())?;
                exported += 1;
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
    }
    console.note(&format!("{} exported", counted(exported)));
    Ok(missing(console, named, exported))
}

fn line(whole: &WholeLetter) -> Value {
    let mut line = described(&whole.entry);
    line["group"] = json!(whole.letter.group);
    line["attributes"] = json!(whole.letter.attributes);
    line["body"] = json!(whole.letter.body);
    line
}
