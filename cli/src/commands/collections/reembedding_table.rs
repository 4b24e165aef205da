//! The steps of a move to another model as a table.

use crate::client::Reembedding;
use crate::output::{Align, Column, Style, Table, duration_text, time_text};

/// Marks what takes back what was built.
const COMPENSATION_MARK: &str = "↩ ";

pub(super) fn reembedding_table(saga: &Reembedding) -> Table {
    let mut table = Table::new(vec![
        Column::new("STEP", Align::Left),
        Column::new("ATTEMPTS", Align::Right),
        Column::new("STARTED (UTC)", Align::Left),
        Column::new("TOOK", Align::Right),
        Column::new("OUTCOME", Align::Left).painted(Style::outcome),
    ]);
    for step in &saga.steps {
        let mark = if step.compensates { COMPENSATION_MARK } else { "" };
        table.row([
            format!("{mark}{}", step.step),
            step.attempts.to_string(),
            time_text(&step.started_at),
            step.duration_ms.map(duration_text).unwrap_or_default(),
            step.outcome.clone().unwrap_or_else(|| "running".into()),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_that_takes_back_is_marked_and_one_that_runs_has_no_duration() {
        let saga: Reembedding = serde_json::from_value(serde_json::json!({"steps": [
            {"step": "build", "started_at": "2026-11-21T10:00:00.000Z", "duration_ms": 2_500, "attempts": 1, "outcome": "aborted"},
            {"step": "settle_stopped", "compensates": true, "started_at": "2026-11-21T10:00:02.500Z", "attempts": 1,
             "duration_ms": null, "outcome": null}
        ]}))
        .unwrap();
        assert_eq!(
            reembedding_table(&saga).lines(Style::Plain, None),
            [
                "STEP              ATTEMPTS  STARTED (UTC)         TOOK  OUTCOME",
                "build                    1  2026-11-21 10:00:00  2.5 s  aborted",
                "↩ settle_stopped         1  2026-11-21 10:00:02         running",
            ]
        );
    }
}
