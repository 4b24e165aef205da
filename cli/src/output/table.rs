//! Tables: columns as wide as their widest cell, and on a terminal no wider than it. Piped, nothing is cut.

use super::style::Style;
use super::text::{columns, fitted, one_line};

const GAP: &str = "  ";
/// A column that gives way is not cut below this.
const SHRUNK_COLUMNS_MIN: usize = 8;

/// To which side the cells of a column are moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
}

/// One column.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column {
    title: &'static str,
    align: Align,
    gives_way: bool,
    paint: Option<fn(Style, &str) -> String>,
}

impl Column {
    pub(crate) const fn new(title: &'static str, align: Align) -> Self {
        Self { title, align, gives_way: false, paint: None }
    }

    /// Cut when the table is wider than the terminal.
    pub(crate) const fn giving_way(mut self) -> Self {
        self.gives_way = true;
        self
    }

    /// Coloured by its text.
    pub(crate) const fn painted(mut self, paint: fn(Style, &str) -> String) -> Self {
        self.paint = Some(paint);
        self
    }
}

/// Rows under titles.
#[derive(Debug)]
pub(crate) struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(columns: Vec<Column>) -> Self {
        Self { columns, rows: Vec::new() }
    }

    /// Adds a row; its cells are cleaned.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        let cells: Vec<String> = cells.into_iter().map(|cell| one_line(&cell)).collect();
        debug_assert_eq!(cells.len(), self.columns.len(), "one cell for each column");
        self.rows.push(cells);
    }

    /// The lines of the table, titles first, each of at most `width_max` columns where that is possible.
    pub(crate) fn lines(&self, style: Style, width_max: Option<usize>) -> Vec<String> {
        let widths = self.widths(width_max);
        let mut lines = Vec::with_capacity(self.rows.len() + 1);
        let titles: Vec<String> = self.columns.iter().map(|column| column.title.to_owned()).collect();
        lines.push(self.line(&titles, &widths, |_, cell| style.dim(cell)));
        for row in &self.rows {
            lines.push(self.line(row, &widths, |column, cell| match column.paint {
                Some(paint) => paint(style, cell),
                None => cell.to_owned(),
            }));
        }
        lines
    }

    fn widths(&self, width_max: Option<usize>) -> Vec<usize> {
        let mut widths: Vec<usize> = self.columns.iter().map(|column| columns(column.title)).collect();
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(columns(cell));
            }
        }
        let gaps = GAP.len() * widths.len().saturating_sub(1);
        let mut excess =
            (widths.iter().sum::<usize>() + gaps).saturating_sub(width_max.unwrap_or(usize::MAX));
        // The widest gives first, column by column, so that what can be read whole stays whole.
        while excess > 0 {
            let giving = (0..widths.len())
                .filter(|&at| self.columns[at].gives_way && widths[at] > SHRUNK_COLUMNS_MIN)
                .max_by_key(|&at| widths[at]);
            let Some(at) = giving else { break };
            widths[at] -= 1;
            excess -= 1;
        }
        widths
    }

    fn line(&self, cells: &[String], widths: &[usize], painted: impl Fn(&Column, &str) -> String) -> String {
        let mut line = String::new();
        for (at, (column, cell)) in self.columns.iter().zip(cells).enumerate() {
            let text = fitted(cell, widths[at]);
            let padding = " ".repeat(widths[at].saturating_sub(columns(&text)));
            if at > 0 {
                line.push_str(GAP);
            }
            match column.align {
                Align::Left => line.push_str(&(painted(column, &text) + &padding)),
                Align::Right => line.push_str(&(padding + &painted(column, &text))),
            }
        }
        line.trim_end().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(vec![
            Column::new("FILE", Align::Left).giving_way(),
            Column::new("SIZE", Align::Right),
            Column::new("STATUS", Align::Left).painted(Style::status),
        ]);
        table.row(["日本語の長い名前.pdf", "1 B", "ready"].map(str::to_owned));
        table.row(["a\nb", "12.0 MB", "failed"].map(str::to_owned));
        table
    }

    #[test]
    fn columns_line_up() {
        assert_eq!(
            table().lines(Style::Plain, None),
            [
                "FILE                     SIZE  STATUS",
                "日本語の長い名前.pdf      1 B  ready",
                "a b                   12.0 MB  failed",
            ]
        );
    }

    #[test]
    fn a_narrow_terminal_cuts_what_may_give_way() {
        let lines = table().lines(Style::Plain, Some(28));
        assert!(lines.iter().all(|line| columns(line) <= 28), "{lines:#?}");
        assert!(lines[1].starts_with("日本語の長…"), "{lines:#?}");
    }

    #[test]
    fn colours_do_not_move_columns() {
        let lines = table().lines(Style::Ansi, None);
        assert!(lines[1].ends_with("\u{1b}[32mready\u{1b}[0m"), "{lines:#?}");
        assert_eq!(lines[1].find("1 B"), table().lines(Style::Plain, None)[1].find("1 B"));
    }
}
