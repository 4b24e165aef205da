//! `millrace stats`: documents, chunks and bytes by collection.

use crate::client::Stats;
use crate::exit_code::ExitCode;
use crate::output::{Align, Column, Table, bytes_text};
use crate::session::Session;

pub(crate) async fn run(session: &Session<'_>) -> anyhow::Result<ExitCode> {
    let stats = session.client.stats().await?;
    let console = session.console;
    if console.json() {
        console.line(&stats.text)?;
    } else if stats.value.collections.is_empty() {
        console.note("no documents");
    } else {
        for line in table(&stats.value).lines(console.style(), console.columns()) {
            console.line(&line)?;
        }
    }
    Ok(ExitCode::Done)
}

fn table(stats: &Stats) -> Table {
    let mut table = Table::new(vec![
        Column::new("COLLECTION", Align::Left).giving_way(),
        Column::new("DOCUMENTS", Align::Right),
        Column::new("CHUNKS", Align::Right),
        Column::new("SIZE", Align::Right),
        Column::new("STATES", Align::Left),
    ]);
    for collection in &stats.collections {
        let states: Vec<String> = collection
            .documents
            .iter()
            .filter(|&(_, &count)| count > 0)
            .map(|(state, count)| format!("{count} {state}"))
            .collect();
        let there = collection.documents.iter().filter(|&(state, _)| state != "deleted");
        table.row([
            collection.collection.clone(),
            there.map(|(_, count)| count).sum::<u64>().to_string(),
            collection.chunks.to_string(),
            bytes_text(collection.bytes),
            states.join(", "),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::Style;

    #[test]
    fn a_collection_counts_its_documents_by_state() {
        let stats: Stats = serde_json::from_value(serde_json::json!({"collections": [
            {"collection": "legal", "documents": {"ready": 3, "failed": 1, "deleted": 2, "cancelled": 0}, "chunks": 40, "bytes": 2000}
        ]}))
        .unwrap();
        assert_eq!(
            table(&stats).lines(Style::Plain, None)[1],
            "legal               4      40  2.0 kB  2 deleted, 1 failed, 3 ready"
        );
    }
}
