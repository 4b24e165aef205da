//! `millrace cancel`: stops the processing of documents. What is already searchable of them stays so.

use crate::arguments::DocumentsArguments;
use crate::exit_code::ExitCode;
use crate::session::Session;

use super::each_document::{for_each_document, order_result};

pub(crate) async fn run(session: &Session<'_>, arguments: DocumentsArguments) -> anyhow::Result<ExitCode> {
    for_each_document(session, &arguments.documents, async |document_id| {
        let answer = session.client.cancel(document_id).await?;
        Ok(order_result(session, document_id, answer, "cancelled"))
    })
    .await
}
