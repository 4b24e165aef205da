//! Tables on standard output, progress on standard error. Formats numbers; computes only ratios.

use std::io::Write as _;
use std::time::Duration;

/// A Markdown table under a title.
#[derive(Debug)]
pub(crate) struct Table {
    title: String,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(title: impl Into<String>, columns: &[&str]) -> Self {
        Self { title: title.into(), rows: vec![columns.iter().map(|&column| column.to_owned()).collect()] }
    }

    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// Writes the table; a closed standard output is not an error worth reporting.
    pub(crate) fn print(&self) {
        let mut out = format!("\n### {}\n\n", self.title);
        for (number, row) in self.rows.iter().enumerate() {
            out.push_str(&format!("| {} |\n", row.join(" | ")));
            if number == 0 {
                out.push_str(&format!("|{}\n", " --- |".repeat(row.len())));
            }
        }
        let _closed = std::io::stdout().write_all(out.as_bytes());
    }
}

/// Says on standard error what is going on.
pub(crate) fn note(text: &str) {
    let _closed = writeln!(std::io::stderr(), "bench: {text}");
}

/// Milliseconds with a precision that fits their size.
pub(crate) fn milliseconds(duration: Duration) -> String {
    let value = duration.as_secs_f64() * 1000.0;
    if value < 10.0 { format!("{value:.2} ms") } else { format!("{value:.0} ms") }
}

/// Seconds with a precision that fits their size.
pub(crate) fn seconds(value: f64) -> String {
    if value < 10.0 { format!("{value:.3} s") } else { format!("{value:.1} s") }
}

/// Mebibytes.
pub(crate) fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / (1 << 20) as f64)
}

/// How many times larger `theirs` is than `ours`; more than 1 speaks for us where less is better.
pub(crate) fn times(theirs: f64, ours: f64) -> String {
    if ours > 0.0 { format!("{:.2}x", theirs / ours) } else { "-".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_a_sensible_precision() {
        assert_eq!(milliseconds(Duration::from_micros(1234)), "1.23 ms");
        assert_eq!(milliseconds(Duration::from_millis(1234)), "1234 ms");
        assert_eq!(times(3.0, 2.0), "1.50x");
        assert_eq!(times(3.0, 0.0), "-");
    }
}
