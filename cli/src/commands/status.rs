//! `millrace status`: where documents are, in full.

use crate::arguments::DocumentsArguments;
use crate::client::DocumentState;
use crate::exit_code::ExitCode;
use crate::output::{Style, bytes_text, one_line, progress_text, time_text};
use crate::session::Session;

use super::each_document::for_each_document;

pub(crate) async fn run(session: &Session<'_>, arguments: DocumentsArguments) -> anyhow::Result<ExitCode> {
    for_each_document(session, &arguments.documents, async |document_id| {
        let document = session.client.document(document_id).await?;
        if session.console.json() {
            return Ok(document.text);
        }
        Ok(described(&document.value, session.console.style()))
    })
    .await
}

fn described(state: &DocumentState, style: Style) -> String {
    let mut text =
        format!("{}  {}", style.bold(&one_line(&state.filename)), style.status(&one_line(&state.status)));
    let mut fact = |name: &str, value: Option<String>| {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            text.push_str(&format!("\n  {} {}", style.dim(&format!("{name:<14}")), one_line(&value)));
        }
    };
    fact("document", Some(state.document_id.clone()));
    fact("collection", Some(state.collection.clone()));
    fact("title", state.title.clone());
    fact("label", state.label.clone());
    fact("media type", state.media_type.clone());
    fact("size", state.size_bytes.map(bytes_text));
    fact("stage", (state.status == "processing").then(|| progress_text(state)));
    fact("failed", state.error.as_ref().map(|_| state.failure()));
    let attempts = state.error.as_ref().and_then(|error| error.attempts);
    fact("attempts", attempts.map(|attempts| attempts.to_string()));
    fact("next", state.is_worth_a_retry().then(|| format!("millrace retry {}", state.document_id)));
    fact("pages", state.progress.pages_total.filter(|&pages| pages > 0).map(|pages| pages.to_string()));
    fact("chunks", state.progress.chunks_total.map(|chunks| chunks.to_string()));
    fact("searchable by", Some(state.searchable_by.join(", ")));
    fact("generation", (state.generation > 1).then(|| state.generation.to_string()));
    fact("metadata", metadata_text(state));
    fact("created", state.created_at.as_deref().map(time_text));
    fact("updated", state.updated_at.as_deref().map(time_text));
    text
}

fn metadata_text(state: &DocumentState) -> Option<String> {
    let metadata = state.metadata.as_ref().filter(|metadata| !metadata.is_empty())?;
    serde_json::to_string(metadata).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_document_says_why_and_what_to_do() {
        let state: DocumentState = serde_json::from_value(serde_json::json!({
            "document_id": "d-1", "collection": "default", "filename": "a.pdf", "status": "failed", "stage": "embed",
            "error": {"stage": "embed", "code": "timed_out", "reason": "took too long", "attempts": 3, "retryable": true},
            "size_bytes": 1200
        }))
        .unwrap();
        let text = described(&state, Style::Plain);
        assert!(text.starts_with("a.pdf  failed\n"), "{text}");
        assert!(text.contains("took too long (timed_out in embed)"), "{text}");
        assert!(text.contains("millrace retry d-1"), "{text}");
        assert!(text.contains("1.2 kB"), "{text}");
    }
}
