//! The steps of a document's sagas as a table, and in a few words what stands in it.

use crate::client::SagaStep;
use crate::output::{Align, Column, Style, Table, duration_text, time_text};

/// Marks what takes back what an ingestion did.
const COMPENSATION_MARK: &str = "↩ ";

pub(super) fn saga_table(steps: &[&SagaStep]) -> Table {
    let mut table = Table::new(vec![
        Column::new("STEP", Align::Left),
        Column::new("CONTENT", Align::Left),
        Column::new("ATTEMPTS", Align::Right),
        Column::new("STARTED (UTC)", Align::Left),
        Column::new("TOOK", Align::Right),
        Column::new("OUTCOME", Align::Left).painted(Style::outcome),
        Column::new("DETAILS", Align::Left).giving_way(),
    ]);
    for step in steps {
        let mark = if step.saga == "compensation" { COMPENSATION_MARK } else { "" };
        table.row([
            format!("{mark}{}", step.step),
            content_text(step),
            step.attempts.map(|attempts| attempts.to_string()).unwrap_or_default(),
            time_text(&step.started_at),
            step.duration_ms.map(duration_text).unwrap_or_default(),
            step.outcome.clone(),
            details_text(step),
        ]);
    }
    table
}

/// Which content, and which retry of it.
fn content_text(step: &SagaStep) -> String {
    match step.retry {
        0 => step.generation.to_string(),
        retry => format!("{} retry {retry}", step.generation),
    }
}

/// Why it failed or was needed, how far it is, and its other numbers: `batches=1/2 chunks=32`.
fn details_text(step: &SagaStep) -> String {
    let mut parts = Vec::new();
    parts.extend(step.error_code.clone());
    parts.extend(step.cause.as_ref().map(|cause| format!("after {cause}")));
    let number = |name: &str| step.details.get(name).and_then(serde_json::Value::as_u64);
    if let (Some(done), Some(total)) = (number("batches_done"), number("batches_total")) {
        parts.push(format!("batches={done}/{total}"));
    }
    for (name, value) in &step.details {
        if !matches!(name.as_str(), "batches_done" | "batches_total") {
            parts.push(format!("{name}={value}"));
        }
    }
    parts.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compensations_are_marked_and_what_runs_has_no_duration() {
        let failed: SagaStep = serde_json::from_value(serde_json::json!({
            "saga": "ingestion", "step": "embed", "generation": 1, "retry": 2, "started_at": "2026-11-21T10:00:00.000Z",
            "ended_at": "2026-11-21T10:00:02.500Z", "duration_ms": 2_500, "outcome": "failed", "attempts": 5,
            "error_code": "dead_lettered", "cause": null, "details": {"batches_done": 1, "batches_total": 2, "chunks": 32}
        }))
        .unwrap();
        let purge: SagaStep = serde_json::from_value(serde_json::json!({
            "saga": "compensation", "step": "purge_generation", "generation": 1, "retry": 2,
            "started_at": "2026-11-21T10:00:02.500Z", "ended_at": null, "duration_ms": null, "outcome": "running",
            "attempts": null, "error_code": null, "cause": "failure", "details": {}
        }))
        .unwrap();
        let lines = saga_table(&[&failed, &purge]).lines(Style::Plain, None);
        assert_eq!(
            lines,
            [
                "STEP                CONTENT    ATTEMPTS  STARTED (UTC)         TOOK  OUTCOME  DETAILS",
                "embed               1 retry 2         5  2026-11-21 10:00:00  2.5 s  failed   dead_lettered batches=1/2 chunks=32",
                "↩ purge_generation  1 retry 2            2026-11-21 10:00:02         running  after failure",
            ]
        );
    }
}
