//! One order for each of several documents, a few at a time, told in the order they were named: trouble with one does not keep the others from
//! their turn, trouble with the server does.

use futures::StreamExt as _;
use futures::stream;

use crate::client::{ClientError, DocumentState};
use crate::exit_code::ExitCode;
use crate::output::outcome_line;
use crate::session::Session;

/// Orders under way at the same time.
const AT_ONCE: usize = 8;

/// Carries the order out for each document, prints what it yields and gives the worst outcome.
pub(crate) async fn for_each_document(
    session: &Session<'_>,
    documents: &[String],
    order: impl AsyncFn(&str) -> Result<String, ClientError>,
) -> anyhow::Result<ExitCode> {
    let mut code = ExitCode::Done;
    let order = &order;
    let mut outcomes = stream::iter(documents)
        .map(|document_id| async move { (document_id, order(document_id).await) })
        .buffered(AT_ONCE);
    while let Some((document_id, outcome)) = outcomes.next().await {
        match outcome {
            Ok(text) => session.console.line(&text)?,
            Err(error) if documents.len() == 1 || error.concerns_every_document() => return Err(error.into()),
            Err(error) => {
                let error = anyhow::Error::from(error).context(format!("document {document_id}"));
                code = code.worse(session.console.report(&error, session.client.server()));
            }
        }
    }
    Ok(code)
}

/// What to print after an order was accepted: with `--json` the answer, otherwise the state it says, or else `expected`.
pub(crate) fn order_result(
    session: &Session<'_>,
    document_id: &str,
    answer: String,
    expected: &str,
) -> String {
    if session.console.json() {
        return answer;
    }
    let state: DocumentState = serde_json::from_str(&answer).unwrap_or_default();
    let status = if state.status.is_empty() { expected } else { state.status.as_str() };
    outcome_line(session.console.style(), status, document_id, &[&state.filename])
}
