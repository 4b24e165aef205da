//! `millrace watch`: follows documents until they settle. Documents uploaded after it began are not taken up.

use futures::StreamExt as _;
use futures::stream;

use crate::arguments::WatchArguments;
use crate::client::{ClientError, Deadline, DocumentState, Fetched, Following, ListFilter, Settled};
use crate::exit_code::ExitCode;
use crate::output::{Board, outcome_line};
use crate::session::Session;

/// Documents asked about at the same time; the others wait for their turn.
const FOLLOWED_AT_ONCE: usize = 32;
/// Documents followed by one command without being named.
const FOLLOWED_MAX: usize = 10_000;
const PAGE_LIMIT: usize = 200;

/// A document to follow and what to call it.
struct Watched {
    document_id: String,
    name: String,
}

pub(crate) async fn run(session: &Session<'_>, arguments: WatchArguments) -> anyhow::Result<ExitCode> {
    let deadline = Deadline::after(arguments.timeout);
    let watched = if arguments.documents.is_empty() {
        processing(session, arguments.collection).await?
    } else {
        let named = |id: String| Watched { name: id.clone(), document_id: id };
        arguments.documents.into_iter().map(named).collect()
    };
    if watched.is_empty() {
        session.console.note("no document is being processed");
        return Ok(ExitCode::Done);
    }
    let board = Board::new(session.console);
    let (mut code, mut settled) = (ExitCode::Done, 0);
    board.total(settled, watched.len());
    let board = &board;
    let mut outcomes = stream::iter(&watched)
        .map(|watched| async move { (watched, follow(session, board, watched, deadline).await) })
        .buffer_unordered(FOLLOWED_AT_ONCE);
    while let Some((document, outcome)) = outcomes.next().await {
        settled += 1;
        board.total(settled, watched.len());
        match outcome {
            Ok(settled) => code = code.worse(tell(session, board, document, &settled)?),
            Err(error) if watched.len() == 1 || error.concerns_every_document() => return Err(error.into()),
            Err(error) => {
                let error = anyhow::Error::from(error).context(format!("document {}", document.document_id));
                code = code.worse(board.failure(&error, session.client.server()));
            }
        }
    }
    Ok(code)
}

async fn processing(session: &Session<'_>, collection: Option<String>) -> Result<Vec<Watched>, ClientError> {
    let mut filter = ListFilter {
        collection,
        status: Some("processing".into()),
        limit: Some(PAGE_LIMIT),
        ..ListFilter::default()
    };
    let mut watched = Vec::new();
    loop {
        let page = session.client.list(&filter).await?;
        watched.extend(page.documents.into_iter().map(|document| Watched {
            document_id: document.value.document_id,
            name: document.value.filename,
        }));
        match page.next_cursor {
            Some(next) if watched.len() < FOLLOWED_MAX && filter.cursor.as_ref() != Some(&next) => {
                filter.cursor = Some(next);
            }
            Some(_) if watched.len() >= FOLLOWED_MAX => {
                session.console.note(&format!("there are more; following the newest {}", watched.len()));
                return Ok(watched);
            }
            _ => return Ok(watched),
        }
    }
}

async fn follow(
    session: &Session<'_>,
    board: &Board<'_>,
    watched: &Watched,
    deadline: Deadline,
) -> Result<Settled, ClientError> {
    let line = board.document(&watched.name);
    let on_change = |state: &Fetched<DocumentState>| {
        line.state(&state.value);
        if session.console.json() {
            // What cannot be written now is noticed with the outcome.
            let _noticed_later = board.result(&state.text);
        }
    };
    deadline.bound(Following::until_settled(&session.client, &watched.document_id).run(on_change)).await
}

fn tell(
    session: &Session<'_>,
    board: &Board<'_>,
    watched: &Watched,
    settled: &Settled,
) -> anyhow::Result<ExitCode> {
    let style = session.console.style();
    let (code, line) = match settled {
        Settled::Ready(state) => {
            let chunks = state.value.progress.chunks_total.map(|chunks| format!("{chunks} chunks"));
            let details = [watched.document_id.as_str(), chunks.as_deref().unwrap_or_default()];
            (ExitCode::Done, outcome_line(style, "ready", &state.value.filename, &details))
        }
        Settled::Unfinished(state) => {
            let details = [watched.document_id.as_str(), &state.value.failure()];
            (ExitCode::SomeFailed, outcome_line(style, &state.value.status, &state.value.filename, &details))
        }
        Settled::Deleted { .. } => {
            (ExitCode::NotFound, outcome_line(style, "deleted", &watched.name, &[&watched.document_id]))
        }
    };
    if !session.console.json() {
        board.result(&line)?;
    }
    Ok(code)
}
