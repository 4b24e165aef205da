//! `millrace timeline`: the steps of a document's sagas and everything that happened to it, as tables or as JSON lines to keep.

use chrono::DateTime;
use serde_json::Value;

use crate::arguments::{TimelineArguments, TimelineFormat};
use crate::client::{Event, Fetched, SagaStep};
use crate::exit_code::ExitCode;
use crate::output::{Align, Column, Table, duration_text, time_text};
use crate::session::Session;

use super::saga_table::saga_table;

const TYPE_PREFIX: &str = "millrace.document.";

pub(crate) async fn run(session: &Session<'_>, arguments: TimelineArguments) -> anyhow::Result<ExitCode> {
    let as_lines = session.console.json() || arguments.format == TimelineFormat::Jsonl;
    let mut events: Vec<Fetched<Event>> = Vec::new();
    let mut steps: Vec<Fetched<SagaStep>> = Vec::new();
    let mut after = arguments.after;
    loop {
        let page = session.client.timeline(&arguments.document, after).await?;
        if as_lines {
            for event in &page.events {
                session.console.line(&event.text)?;
            }
        } else {
            events.extend(page.events);
        }
        // They come with the first page only, for the whole history.
        steps.extend(page.steps.into_iter().flatten());
        match page.next_after {
            // Only forwards, so that no server can keep us for ever.
            Some(next) if next > after && !session.console.is_closed() => after = next,
            _ => break,
        }
    }
    if session.console.json() {
        for step in &steps {
            session.console.line(&step.text)?;
        }
    }
    if !as_lines {
        print_tables(session, &steps, &events)?;
    }
    Ok(ExitCode::Done)
}

/// The steps first: they are the shorter answer.
fn print_tables(
    session: &Session<'_>,
    steps: &[Fetched<SagaStep>],
    events: &[Fetched<Event>],
) -> anyhow::Result<()> {
    let (style, columns) = (session.console.style(), session.console.columns());
    let steps: Vec<&SagaStep> = steps.iter().map(|step| &step.value).collect();
    if !steps.is_empty() {
        for line in saga_table(&steps).lines(style, columns) {
            session.console.line(&line)?;
        }
        session.console.line("")?;
    }
    let events: Vec<&Event> = events.iter().map(|event| &event.value).collect();
    for line in table(&events).lines(style, columns) {
        session.console.line(&line)?;
    }
    Ok(())
}

fn table(events: &[&Event]) -> Table {
    let mut table = Table::new(vec![
        Column::new("#", Align::Right),
        Column::new("TIME (UTC)", Align::Left),
        Column::new("AFTER", Align::Right),
        Column::new("EVENT", Align::Left),
        Column::new("DETAILS", Align::Left).giving_way(),
    ]);
    let mut time_before = None;
    for event in events {
        let name = event.type_name.strip_prefix(TYPE_PREFIX).unwrap_or(&event.type_name);
        table.row([
            event.sequence.to_string(),
            time_text(&event.time),
            time_before.map(|before| elapsed_text(before, &event.time)).unwrap_or_default(),
            name.to_owned(),
            details(&event.data),
        ]);
        time_before = Some(event.time.as_str());
    }
    table
}

/// How long after the event before it.
fn elapsed_text(before: &str, time: &str) -> String {
    let read = |text| DateTime::parse_from_rfc3339(text).ok();
    let (Some(before), Some(time)) = (read(before), read(time)) else { return String::new() };
    duration_text((time - before).num_milliseconds())
}

/// The event's data without its braces: `chunks=12 tokens=900`.
fn details(data: &Value) -> String {
    match data {
        Value::Object(members) => {
            let members = members.iter().map(|(name, value)| match value {
                Value::String(text) => format!("{name}={text}"),
                other => format!("{name}={other}"),
            });
            members.collect::<Vec<_>>().join(" ")
        }
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::Style;

    #[test]
    fn events_are_shown_with_the_time_between_them() {
        let event = |sequence, type_name: &str, time: &str| Event {
            sequence,
            type_name: type_name.into(),
            time: time.into(),
            data: serde_json::json!({"chunks": 12}),
        };
        let first = event(1, "millrace.document.uploaded", "2026-11-21T10:00:00.000Z");
        let second = event(2, "millrace.document.chunked", "2026-11-21T10:00:00.250Z");
        let lines = table(&[&first, &second]).lines(Style::Plain, None);
        assert_eq!(lines[1], "1  2026-11-21 10:00:00          uploaded  chunks=12");
        assert_eq!(lines[2], "2  2026-11-21 10:00:00  250 ms  chunked   chunks=12");
        assert_eq!(elapsed_text("2026-11-21T10:00:00Z", "2026-11-21T10:00:02.500Z"), "2.5 s");
        assert_eq!(elapsed_text("2026-11-21T10:00:00Z", "2026-11-21T10:05:02Z"), "5 min");
    }
}
