//! `millrace search`: asks the server and shows the passages it found.

use crate::arguments::{SearchArguments, metadata_object};
use crate::client::{Search, SearchFilter};
use crate::exit_code::ExitCode;
use crate::output::render_hits;
use crate::session::Session;

pub(crate) async fn run(session: &Session<'_>, arguments: SearchArguments) -> anyhow::Result<ExitCode> {
    let search = Search {
        query: arguments.query.join(" "),
        collection: arguments.collection,
        limit: usize::from(arguments.limit),
        filter: SearchFilter {
            documents: arguments.document,
            metadata: metadata_object(&arguments.metadata),
        },
        hits_per_document_max: arguments.hits_per_document_max.map(usize::from),
    };
    let answer = session.client.search(&search).await?;
    let console = session.console;
    if console.json() {
        console.line(&answer.text)?;
        return Ok(ExitCode::Done);
    }
    if answer.value.by_meaning == Some(false) {
        console.note("searched by words only; the server's embedder is out of reach");
    }
    if answer.value.hits.is_empty() {
        console.note("nothing found");
    }
    for line in render_hits(&answer.value.hits, &search.query, console.style(), console.text_columns()) {
        console.line(&line)?;
    }
    Ok(ExitCode::Done)
}
