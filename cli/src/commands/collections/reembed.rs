//! Moves a collection to another model, follows that, and stops it.

use std::time::Duration;

use crate::arguments::ReembedArguments;
use crate::client::{Collection, Fetched, Reembedding};
use crate::exit_code::ExitCode;
use crate::output::{Steps, duration_text};
use crate::session::Session;

use super::list::in_words;
use super::reembedding_table::reembedding_table;

/// How often a move is looked at that is being waited for.
const PAUSE: Duration = Duration::from_millis(500);

/// Shows one collection and the steps of its move, or of the last one.
pub(super) async fn show(session: &Session<'_>, name: &str) -> anyhow::Result<ExitCode> {
    let found = session.client.collection(name).await?;
    print(session, &found)?;
    Ok(ExitCode::Done)
}

pub(super) async fn run(session: &Session<'_>, arguments: ReembedArguments) -> anyhow::Result<ExitCode> {
    let begun = session.client.reembed(&arguments.name, arguments.model.as_deref()).await?;
    if arguments.wait {
        return wait(session, &arguments.name).await;
    }
    told(session, &begun)
}

pub(super) async fn abort(session: &Session<'_>, name: &str, waits: bool) -> anyhow::Result<ExitCode> {
    let stopped = session.client.abort_reembedding(name).await?;
    if waits {
        // That it ends as aborted is what was asked for.
        return wait(session, name).await.map(|code| match code {
            ExitCode::SomeFailed => ExitCode::Done,
            other => other,
        });
    }
    told(session, &stopped)
}

fn told(session: &Session<'_>, collection: &Fetched<Collection>) -> anyhow::Result<ExitCode> {
    let console = session.console;
    if console.json() {
        console.line(&collection.text)?;
    } else if let Some(saga) = &collection.value.reembedding {
        console.line(&format!("{} {}", collection.value.collection, in_words(saga)))?;
    }
    Ok(ExitCode::Done)
}

/// Follows a move to its end, and shows its steps then.
async fn wait(session: &Session<'_>, name: &str) -> anyhow::Result<ExitCode> {
    let steps = Steps::new(session.console, name);
    let ended = loop {
        let found = session.client.collection(name).await?;
        match &found.value.reembedding {
            Some(saga) => {
                let step = saga.step.as_deref().unwrap_or(&saga.status);
                steps.show(step, saga.documents_done, saga.documents_total);
            }
            None => break found,
        }
        tokio::time::sleep(PAUSE).await;
    };
    drop(steps);
    print(session, &ended)?;
    let completed = ended.value.last_reembedding.is_some_and(|saga| saga.status == "completed");
    Ok(if completed { ExitCode::Done } else { ExitCode::SomeFailed })
}

fn print(session: &Session<'_>, found: &Fetched<Collection>) -> anyhow::Result<()> {
    let console = session.console;
    if console.json() {
        return Ok(console.line(&found.text)?);
    }
    let collection = &found.value;
    console.line(&format!(
        "{}: {} documents, model {} ({} dimensions)",
        collection.collection, collection.documents, collection.model, collection.dimensions
    ))?;
    if let Some(saga) = collection.reembedding.as_ref().or(collection.last_reembedding.as_ref()) {
        console.line(&ended_in_words(saga))?;
        for line in reembedding_table(saga).lines(console.style(), console.columns()) {
            console.line(&line)?;
        }
    }
    Ok(())
}

fn ended_in_words(saga: &Reembedding) -> String {
    let took = saga.duration_ms.map(|ms| format!(" after {}", duration_text(ms))).unwrap_or_default();
    let mut text = format!("re-embedding from {} to {}: {}{took}", saga.from_model, saga.model, saga.status);
    if let (Some(code), Some(reason)) = (&saga.error_code, &saga.reason) {
        let at = saga.document_id.as_ref().map(|id| format!(", at document {id}")).unwrap_or_default();
        text.push_str(&format!(" ({code}: {reason}{at})"));
    }
    text
}
