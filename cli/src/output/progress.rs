//! Progress of documents on standard error: a bar for each one in flight on a terminal, a line for each new stage
//! elsewhere, nothing with `--quiet`. Results are not written here, but printing them must pass through the board, which
//! moves the bars out of the way.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::client::{DocumentState, Progress, ServerUrl};
use crate::exit_code::ExitCode;

use super::console::Console;
use super::measures::bytes_text;
use super::text::{clean, fitted, one_line};

/// Bars shown at a time; documents beyond it go on without one.
const BARS_MAX: usize = 12;
const NAME_COLUMNS: usize = 36;
const BAR_TEMPLATE: &str = "{prefix:36!} {bar:20.cyan/dim} {msg}";
const TOTAL_TEMPLATE: &str = "{msg}";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Bars,
    Lines,
    Silent,
}

/// Where the progress of all documents is shown.
#[derive(Debug)]
pub(crate) struct Board<'a> {
    console: &'a Console,
    mode: Mode,
    bars: MultiProgress,
    /// Below the documents' bars: how many are settled.
    total: ProgressBar,
    shown: Arc<AtomicUsize>,
}

impl<'a> Board<'a> {
    pub(crate) fn new(console: &'a Console) -> Self {
        let mode = match (console.quiet(), console.stderr_is_terminal(), console.json()) {
            (true, ..) | (false, false, true) => Mode::Silent,
            (false, true, _) => Mode::Bars,
            (false, false, false) => Mode::Lines,
        };
        let target = match mode {
            Mode::Bars => ProgressDrawTarget::stderr(),
            Mode::Lines | Mode::Silent => ProgressDrawTarget::hidden(),
        };
        let bars = MultiProgress::with_draw_target(target);
        let total = bars.add(ProgressBar::new(0).with_style(style(TOTAL_TEMPLATE)));
        Self { console, mode, bars, total, shown: Arc::new(AtomicUsize::new(0)) }
    }

    /// Begins to show a document.
    pub(crate) fn document(&self, name: &str) -> Line<'a> {
        let name = one_line(name);
        let has_room = self.shown.fetch_add(1, Ordering::Relaxed) < BARS_MAX;
        let bar = if self.mode == Mode::Bars && has_room {
            let bar = ProgressBar::new(1).with_style(style(BAR_TEMPLATE));
            bar.set_prefix(fitted(&name, NAME_COLUMNS));
            self.bars.insert_before(&self.total, bar)
        } else {
            ProgressBar::hidden()
        };
        Line {
            console: self.console,
            mode: self.mode,
            name,
            bar,
            shown: Arc::clone(&self.shown),
            last_stage: Mutex::default(),
        }
    }

    /// Shows how many documents are settled.
    pub(crate) fn total(&self, settled: usize, of: usize) {
        if self.mode == Mode::Bars && of > 1 {
            self.total.set_message(format!("{settled} of {of} done"));
        }
    }

    /// Prints a result without tearing the bars.
    pub(crate) fn result(&self, text: &str) -> io::Result<()> {
        self.bars.suspend(|| self.console.line(text))
    }

    /// Tells something that is neither a result nor an error, without tearing the bars.
    pub(crate) fn note(&self, text: &str) {
        self.bars.suspend(|| self.console.note(text));
    }

    /// Tells the error that ended the work on one document, without tearing the bars.
    pub(crate) fn failure(&self, error: &anyhow::Error, server: &ServerUrl) -> ExitCode {
        self.bars.suspend(|| self.console.report(error, server))
    }
}

impl Drop for Board<'_> {
    fn drop(&mut self) {
        self.total.finish_and_clear();
    }
}

/// The progress of one document; taken away when dropped.
#[derive(Debug)]
pub(crate) struct Line<'a> {
    console: &'a Console,
    mode: Mode,
    name: String,
    bar: ProgressBar,
    shown: Arc<AtomicUsize>,
    last_stage: Mutex<String>,
}

impl Line<'_> {
    /// What to call as the content is sent.
    pub(crate) fn sending(&self, total_bytes: u64) -> Progress {
        self.stage("upload");
        let bar = self.bar.clone();
        bar.set_length(total_bytes.max(1));
        let of = bytes_text(total_bytes);
        Arc::new(move |sent| {
            bar.set_position(sent);
            bar.set_message(format!("upload {} of {of}", bytes_text(sent)));
        })
    }

    /// Shows a stage that has no measure.
    pub(crate) fn stage(&self, stage: &str) {
        self.bar.set_message(stage.to_owned());
        if self.mode != Mode::Lines {
            return;
        }
        let mut last_stage = self.last_stage.lock().unwrap_or_else(PoisonError::into_inner);
        if *last_stage != stage {
            self.console.error_line(&format!("{}: {stage}", self.name));
            stage.clone_into(&mut last_stage);
        }
    }

    /// Shows where the server is with the document.
    pub(crate) fn state(&self, state: &DocumentState) {
        let status = state.status.as_str();
        let stage = if status == "processing" { state.stage.as_str() } else { status };
        self.stage(&clean(stage));
        let progress = state.progress;
        match (progress.chunks_embedded, progress.chunks_total) {
            (embedded, Some(total)) if total > 0 => {
                self.bar.set_length(total);
                self.bar.set_position(embedded.unwrap_or(0));
                self.bar.set_message(progress_text(state));
            }
            _ => {
                self.bar.set_length(1);
                self.bar.set_position(0);
            }
        }
    }
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        self.shown.fetch_sub(1, Ordering::Relaxed);
        self.bar.finish_and_clear();
    }
}

/// Where a document is, with numbers: `embed 12/40`.
pub(crate) fn progress_text(state: &DocumentState) -> String {
    let progress = state.progress;
    match (state.status.as_str(), state.stage.as_str(), progress.chunks_total) {
        ("processing", "embed", Some(total)) => {
            format!("embed {}/{total}", progress.chunks_embedded.unwrap_or(0))
        }
        ("processing", stage, _) => one_line(stage),
        (status, ..) => one_line(status),
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .expect("the templates are constants of this file and parse")
        .progress_chars("━━─")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_templates_parse() {
        for template in [BAR_TEMPLATE, TOTAL_TEMPLATE] {
            style(template);
        }
    }

    #[test]
    fn the_stage_is_told_with_its_numbers() {
        let mut state = DocumentState {
            status: "processing".into(),
            stage: "extract".into(),
            ..DocumentState::default()
        };
        assert_eq!(progress_text(&state), "extract");
        state.stage = "embed".into();
        state.progress.chunks_total = Some(40);
        assert_eq!(progress_text(&state), "embed 0/40");
        state.progress.chunks_embedded = Some(12);
        assert_eq!(progress_text(&state), "embed 12/40");
        state.status = "ready".into();
        assert_eq!(progress_text(&state), "ready");
    }
}
