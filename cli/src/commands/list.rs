//! `millrace list`: documents, newest first, a page or all of them.

use crate::arguments::ListArguments;
use crate::client::{DocumentPage, DocumentState, ListFilter};
use crate::exit_code::ExitCode;
use crate::output::{Align, Column, Style, Table, bytes_text, progress_text, time_text};
use crate::session::Session;

/// Documents on a page when all are asked for: the most that the server gives.
const PAGE_LIMIT_OF_ALL: usize = 200;

pub(crate) async fn run(session: &Session<'_>, arguments: ListArguments) -> anyhow::Result<ExitCode> {
    let mut filter = ListFilter {
        collection: arguments.collection,
        status: arguments.status.map(|status| status.as_str().to_owned()),
        label: arguments.label,
        limit: Some(if arguments.all { PAGE_LIMIT_OF_ALL } else { usize::from(arguments.limit) }),
        cursor: arguments.cursor,
    };
    let mut is_first_page = true;
    loop {
        let page = session.client.list(&filter).await?;
        print(session, &page, is_first_page)?;
        is_first_page = false;
        match page.next_cursor {
            // A cursor that stays where it is would never come to an end.
            Some(next) if arguments.all && filter.cursor.as_ref() != Some(&next) => {
                filter.cursor = Some(next)
            }
            Some(next) if !arguments.all => {
                session.console.note(&format!("there are more: add --all, or --cursor {next}"));
                break;
            }
            _ => break,
        }
        if session.console.is_closed() {
            break;
        }
    }
    Ok(ExitCode::Done)
}

fn print(session: &Session<'_>, page: &DocumentPage, is_first_page: bool) -> anyhow::Result<()> {
    if session.console.json() {
        for document in &page.documents {
            session.console.line(&document.text)?;
        }
        return Ok(());
    }
    if page.documents.is_empty() {
        if is_first_page {
            session.console.note("no documents");
        }
        return Ok(());
    }
    let states: Vec<&DocumentState> = page.documents.iter().map(|document| &document.value).collect();
    let lines = table(&states).lines(session.console.style(), session.console.columns());
    // Later pages go on under the titles of the first.
    for line in lines.iter().skip(usize::from(!is_first_page)) {
        session.console.line(line)?;
    }
    Ok(())
}

fn table(states: &[&DocumentState]) -> Table {
    let mut table = Table::new(vec![
        Column::new("DOCUMENT", Align::Left),
        Column::new("STATUS", Align::Left).painted(painted_status),
        Column::new("FILE", Align::Left).giving_way(),
        Column::new("COLLECTION", Align::Left).giving_way(),
        Column::new("CHUNKS", Align::Right),
        Column::new("SIZE", Align::Right),
        Column::new("UPDATED (UTC)", Align::Left),
    ]);
    for state in states {
        table.row([
            state.document_id.clone(),
            progress_text(state),
            state.filename.clone(),
            state.collection.clone(),
            state.progress.chunks_total.map(|chunks| chunks.to_string()).unwrap_or_default(),
            state.size_bytes.map(bytes_text).unwrap_or_default(),
            state.updated_at.as_deref().map(time_text).unwrap_or_default(),
        ]);
    }
    table
}

/// A stage is shown in the colour of the state it is part of.
fn painted_status(style: Style, cell: &str) -> String {
    match cell {
        "ready" | "failed" | "cancelled" | "deleting" | "deleted" => style.status(cell),
        _ => style.cyan(cell),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_one_line_whatever_its_name() {
        let state = DocumentState {
            document_id: "d-1".into(),
            filename: "two\nlines.pdf".into(),
            status: "processing".into(),
            stage: "extract".into(),
            size_bytes: Some(1_500),
            ..DocumentState::default()
        };
        let lines = table(&[&state]).lines(Style::Plain, None);
        assert_eq!(lines.len(), 2);
        assert!(lines[1].starts_with("d-1       extract  two lines.pdf"), "{lines:#?}");
        assert!(lines[1].contains("1.5 kB"));
    }
}
