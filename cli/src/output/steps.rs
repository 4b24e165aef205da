//! Progress of work in steps on standard error: a bar on a terminal, a line for each new step elsewhere, nothing with
//! `--quiet` or where JSON is read.

use std::sync::{Mutex, PoisonError};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::console::Console;
use super::text::one_line;

const TEMPLATE: &str = "{prefix} {bar:20.cyan/dim} {msg} {pos}/{len}";

/// The progress; taken away when dropped.
#[derive(Debug)]
pub(crate) struct Steps<'a> {
    console: &'a Console,
    name: String,
    bar: ProgressBar,
    lines: bool,
    last: Mutex<String>,
}

impl<'a> Steps<'a> {
    pub(crate) fn new(console: &'a Console, name: &str) -> Self {
        let shows = !console.quiet();
        let bars = shows && console.stderr_is_terminal();
        let target = if bars { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let style = ProgressStyle::with_template(TEMPLATE).unwrap_or_else(|_| ProgressStyle::default_bar());
        let name = one_line(name);
        let bar = ProgressBar::with_draw_target(Some(0), target).with_style(style).with_prefix(name.clone());
        Self { console, name, bar, lines: shows && !bars && !console.json(), last: Mutex::default() }
    }

    /// Shows where it is.
    pub(crate) fn show(&self, step: &str, done: u64, total: u64) {
        self.bar.set_length(total.max(done));
        self.bar.set_position(done);
        self.bar.set_message(one_line(step));
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if self.lines && *last != step {
            self.console.note(&format!("{}: {}", self.name, one_line(step)));
        }
        step.clone_into(&mut last);
    }
}

impl Drop for Steps<'_> {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
