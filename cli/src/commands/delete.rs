//! `millrace delete`: has documents deleted and, with `--wait`, sees the deletion through to its receipt.

use serde::Serialize;

use crate::arguments::DeleteArguments;
use crate::client::{ClientError, Deadline, Following, Receipt, Settled};
use crate::exit_code::ExitCode;
use crate::output::{Style, bytes_text, outcome_line, time_text};
use crate::session::Session;

use super::each_document::{for_each_document, order_result};

pub(crate) async fn run(session: &Session<'_>, arguments: DeleteArguments) -> anyhow::Result<ExitCode> {
    let deadline = Deadline::after(arguments.timeout);
    for_each_document(session, &arguments.documents, async |document_id| {
        match session.client.delete(document_id).await {
            Ok(answer) if !arguments.wait => Ok(order_result(session, document_id, answer, "deleting")),
            Ok(_) => deadline.bound(see_through(session, document_id)).await,
            // It is as it should be; asking twice is no error.
            Err(ClientError::Refused(problem)) if problem.status == 410 && problem.receipt.is_some() => {
                Ok(deleted(session, document_id, problem.receipt.as_ref()))
            }
            Err(ClientError::Refused(problem)) if problem.status == 410 && arguments.wait => {
                deadline.bound(see_through(session, document_id)).await
            }
            Err(error) => Err(error),
        }
    })
    .await
}

async fn see_through(session: &Session<'_>, document_id: &str) -> Result<String, ClientError> {
    let settled = Following::until_deleted(&session.client, document_id).run(|_| ()).await?;
    let receipt = match &settled {
        Settled::Deleted { receipt } => receipt.as_ref(),
        Settled::Ready(_) | Settled::Unfinished(_) => None,
    };
    Ok(deleted(session, document_id, receipt))
}

#[derive(Serialize)]
struct Deleted<'a> {
    document_id: &'a str,
    status: &'static str,
    receipt: Option<&'a Receipt>,
}

fn deleted(session: &Session<'_>, document_id: &str, receipt: Option<&Receipt>) -> String {
    if session.console.json() {
        let deleted = Deleted { document_id, status: "deleted", receipt };
        return serde_json::to_string(&deleted).expect("texts and numbers can be written as JSON");
    }
    described(session.console.style(), document_id, receipt)
}

fn described(style: Style, document_id: &str, receipt: Option<&Receipt>) -> String {
    let Some(receipt) = receipt else { return outcome_line(style, "deleted", document_id, &[]) };
    let counts = format!(
        "{} chunks, {} vectors, {} cached vectors, {} files of {}",
        receipt.chunks,
        receipt.vectors,
        receipt.cached_vectors,
        receipt.blobs,
        bytes_text(receipt.bytes)
    );
    let verified = receipt.verified_at.as_deref().map(|time| format!("verified {} UTC", time_text(time)));
    outcome_line(style, "deleted", document_id, &[&counts, verified.as_deref().unwrap_or_default()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receipt_is_told_in_one_line() {
        let receipt = Receipt {
            chunks: 12,
            vectors: 12,
            blobs: 3,
            bytes: 1_200,
            verified_at: Some("2026-11-21T10:00:00Z".into()),
            ..Receipt::default()
        };
        assert_eq!(
            described(Style::Plain, "d-1", Some(&receipt)),
            "deleted    d-1  12 chunks, 12 vectors, 0 cached vectors, 3 files of 1.2 kB  \
             verified 2026-11-21 10:00:00 UTC"
        );
    }
}
