//! `millrace upload`: finds files, takes each of them all the way, tells what became of them.

mod file_upload;
mod fingerprint;
mod idempotency_key;
mod media_type;
mod summary;
mod walk;

use anyhow::ensure;
use futures::StreamExt as _;
use futures::stream;

use crate::arguments::{UploadArguments, metadata_object};
use crate::client::{ClientError, Deadline};
use crate::exit_code::ExitCode;
use crate::output::Board;
use crate::session::Session;

use file_upload::{UploadSettings, Uploads};
use summary::{Ending, FileOutcome, Summary};
use walk::Found;

/// Documents that may wait for the server while others are sent.
const WAITING_MAX: usize = 48;

pub(crate) async fn run(session: &Session<'_>, arguments: UploadArguments) -> anyhow::Result<ExitCode> {
    let (paths, follow_links) = (arguments.paths.clone(), arguments.follow_links);
    let found = tokio::task::spawn_blocking(move || walk::find(&paths, follow_links)).await?;
    let is_one_file = found.files.len() == 1 && found.unreadable.is_empty();
    ensure!(arguments.replace.is_none() || is_one_file, "--replace takes exactly one file");
    if found.links_skipped > 0 {
        let count = found.links_skipped;
        session.console.note(&format!("links left out: {count}; include them with --follow-links"));
    }
    if found.files.is_empty() && found.unreadable.is_empty() {
        session.console.note("no files there");
    }
    let summary = upload_all(session, found, settings(arguments)).await?;
    if !session.console.json() && !summary.outcomes.is_empty() {
        for line in summary.lines(session.console.style()) {
            session.console.line(&line)?;
        }
    }
    let code = summary.exit_code();
    if let Some(error) = summary.into_hopeless() {
        // Told in full, with what to do about it.
        session.console.report(&anyhow::Error::from(error), session.client.server());
    }
    Ok(code)
}

fn settings(arguments: UploadArguments) -> UploadSettings {
    UploadSettings {
        collection: arguments.collection.unwrap_or_else(|| "default".into()),
        metadata: metadata_object(&arguments.metadata),
        replace: arguments.replace,
        sent_at_once: usize::from(arguments.jobs),
        wait: !arguments.no_wait,
        deadline: Deadline::after(arguments.timeout),
    }
}

async fn upload_all(
    session: &Session<'_>,
    found: Found,
    settings: UploadSettings,
) -> anyhow::Result<Summary> {
    let board = Board::new(session.console);
    let total = found.files.len();
    let at_once = settings.sent_at_once + WAITING_MAX;
    let uploads = Uploads::new(session, &board, settings);
    let mut summary = Summary::default();
    for (path, source) in found.unreadable {
        let ending = Ending::Error(ClientError::File { path: path.clone(), source });
        tell(session, &board, &mut summary, FileOutcome { path, document_id: None, ending })?;
    }
    board.total(0, total);
    let unread = summary.outcomes.len();
    let mut outcomes = stream::iter(found.files).map(|path| uploads.process(path)).buffer_unordered(at_once);
    while let Some(outcome) = outcomes.next().await {
        tell(session, &board, &mut summary, outcome)?;
        board.total(summary.outcomes.len() - unread, total);
    }
    Ok(summary)
}

fn tell(
    session: &Session<'_>,
    board: &Board<'_>,
    summary: &mut Summary,
    outcome: FileOutcome,
) -> anyhow::Result<()> {
    if session.console.json() {
        board.result(&outcome.json_line())?;
    } else if let Some(line) = outcome.line(session.console.style()) {
        board.result(&line)?;
    }
    summary.outcomes.push(outcome);
    Ok(())
}
