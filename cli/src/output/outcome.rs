//! The line with which a document's outcome is told, the same in every command that waits for documents.

use super::style::Style;
use super::text::one_line;

/// Room for the longest state, `processing`.
const STATUS_COLUMNS: usize = 10;

/// `ready      report.pdf  01890a5d-…  12 chunks`
pub(crate) fn outcome_line(style: Style, status: &str, name: &str, details: &[&str]) -> String {
    let status = one_line(status);
    let padding = " ".repeat(STATUS_COLUMNS.saturating_sub(status.len()));
    let mut line = format!("{}{padding} {}", style.status(&status), one_line(name));
    for detail in details.iter().map(|detail| one_line(detail)).filter(|detail| !detail.is_empty()) {
        line.push_str("  ");
        line.push_str(&detail);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_line_up() {
        assert_eq!(
            outcome_line(Style::Plain, "ready", "a.pdf", &["id", "", "1 chunk"]),
            "ready      a.pdf  id  1 chunk"
        );
        assert_eq!(outcome_line(Style::Plain, "processing", "a.pdf", &[]), "processing a.pdf");
    }
}
