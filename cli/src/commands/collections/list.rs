//! All collections, a line each.

use crate::client::{Collection, Reembedding};
use crate::exit_code::ExitCode;
use crate::output::{Align, Column, Table};
use crate::session::Session;

pub(super) async fn run(session: &Session<'_>) -> anyhow::Result<ExitCode> {
    let console = session.console;
    let (mut collections, mut cursor) = (Vec::new(), None);
    loop {
        let page = session.client.collections(cursor).await?;
        if console.json() {
            console.line(&page.text)?;
        }
        collections.extend(page.value.collections);
        cursor = page.value.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    if console.json() {
        return Ok(ExitCode::Done);
    }
    if collections.is_empty() {
        console.note("no collections: one comes to be with its first document");
    } else {
        for line in table(&collections).lines(console.style(), console.columns()) {
            console.line(&line)?;
        }
    }
    Ok(ExitCode::Done)
}

fn table(collections: &[Collection]) -> Table {
    let mut table = Table::new(vec![
        Column::new("COLLECTION", Align::Left),
        Column::new("DOCUMENTS", Align::Right),
        Column::new("MODEL", Align::Left),
        Column::new("DIMENSIONS", Align::Right),
        Column::new("RE-EMBEDDING", Align::Left).giving_way(),
    ]);
    for collection in collections {
        table.row([
            collection.collection.clone(),
            collection.documents.to_string(),
            collection.model.clone(),
            collection.dimensions.to_string(),
            collection.reembedding.as_ref().map(in_words).unwrap_or_default(),
        ]);
    }
    table
}

/// Where a move stands: `to m-2: verify 3/7`.
pub(super) fn in_words(saga: &Reembedding) -> String {
    let step = saga.step.as_deref().unwrap_or(&saga.status);
    let compensating = if saga.status == "compensating" { "taking back, " } else { "" };
    format!("to {}: {compensating}{step} {}/{}", saga.model, saga.documents_done, saga.documents_total)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::Style;

    #[test]
    fn a_move_under_way_is_told_beside_its_collection() {
        let collections: Vec<Collection> = serde_json::from_value(serde_json::json!([
            {"collection": "default", "documents": 7, "model": "m-1", "dimensions": 384, "reembedding": {
                "status": "running", "step": "verify", "model": "m-2", "documents_done": 3, "documents_total": 7}},
            {"collection": "legal", "documents": 0, "model": "m-2", "dimensions": 8, "reembedding": null}
        ]))
        .unwrap();
        assert_eq!(
            table(&collections).lines(Style::Plain, None),
            [
                "COLLECTION  DOCUMENTS  MODEL  DIMENSIONS  RE-EMBEDDING",
                "default             7  m-1           384  to m-2: verify 3/7",
                "legal               0  m-2             8",
            ]
        );
    }
}
