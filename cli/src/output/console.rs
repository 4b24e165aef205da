//! The two ends of the program that are read: standard output for results, standard error for notes and errors.
//! A reader that goes away (`| head`) is no error: what follows is not written, and the outcome stays what it is.

use std::env;
use std::io::{self, IsTerminal as _, Write};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use super::style::Style;
use super::text::clean;

/// Width where there is no terminal to ask.
const COLUMNS_DEFAULT: usize = 100;
const COLUMNS_MIN: usize = 40;
/// Lines longer than this are hard to read.
const COLUMNS_READABLE: usize = 120;

/// What is known about the surroundings. The only place that reads them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Environment {
    pub(crate) stdout_is_terminal: bool,
    pub(crate) stderr_is_terminal: bool,
    pub(crate) colors_allowed: bool,
    pub(crate) columns: Option<usize>,
}

impl Environment {
    pub(crate) fn read() -> Self {
        let set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = env::var_os("TERM").is_some_and(|value| value == "dumb");
        Self {
            stdout_is_terminal: io::stdout().is_terminal(),
            stderr_is_terminal: io::stderr().is_terminal(),
            colors_allowed: !set("NO_COLOR") && !dumb,
            columns: terminal_size::terminal_size().map(|(width, _)| usize::from(width.0)),
        }
    }
}

/// Where results, notes and errors are written.
#[derive(Debug)]
pub(crate) struct Console {
    stdout: Mutex<io::Stdout>,
    stdout_is_closed: AtomicBool,
    style: Style,
    error_style: Style,
    /// The terminal's width, if results go to one.
    columns: Option<usize>,
    stderr_is_terminal: bool,
    json: bool,
    quiet: bool,
}

impl Console {
    pub(crate) fn new(environment: &Environment, json: bool, quiet: bool) -> Self {
        let style = |is_terminal| {
            if is_terminal && environment.colors_allowed { Style::Ansi } else { Style::Plain }
        };
        Self {
            stdout: Mutex::new(io::stdout()),
            stdout_is_closed: AtomicBool::new(false),
            style: style(environment.stdout_is_terminal),
            error_style: style(environment.stderr_is_terminal),
            columns: environment.columns.filter(|_| environment.stdout_is_terminal),
            stderr_is_terminal: environment.stderr_is_terminal,
            json,
            quiet,
        }
    }

    /// Whether results are the server's JSON.
    pub(crate) fn json(&self) -> bool {
        self.json
    }

    /// Whether progress is not to be shown.
    pub(crate) fn quiet(&self) -> bool {
        self.quiet
    }

    pub(crate) fn stderr_is_terminal(&self) -> bool {
        self.stderr_is_terminal
    }

    pub(crate) fn style(&self) -> Style {
        self.style
    }

    pub(crate) fn error_style(&self) -> Style {
        self.error_style
    }

    /// The width a table must fit; none if it may be as wide as it is.
    pub(crate) fn columns(&self) -> Option<usize> {
        self.columns.map(|columns| columns.max(COLUMNS_MIN))
    }

    /// The width to which running text is wrapped.
    pub(crate) fn text_columns(&self) -> usize {
        self.columns().unwrap_or(COLUMNS_DEFAULT).min(COLUMNS_READABLE)
    }

    /// Writes a result and a line end.
    pub(crate) fn line(&self, text: &str) -> io::Result<()> {
        let mut line = String::with_capacity(text.len() + 1);
        line.push_str(text);
        line.push('\n');
        self.write(line.as_bytes())
    }

    /// Writes a result as it is.
    pub(crate) fn write(&self, bytes: &[u8]) -> io::Result<()> {
        if self.is_closed() {
            return Ok(());
        }
        let mut stdout = self.stdout.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.stdout_is_closed.store(true, Ordering::Relaxed);
                Ok(())
            }
            outcome => outcome,
        }
    }

    /// Whether the reader of the results has gone, so that making more of them is of no use.
    pub(crate) fn is_closed(&self) -> bool {
        self.stdout_is_closed.load(Ordering::Relaxed)
    }

    /// Writes a line to standard error. That nobody can read it changes nothing.
    pub(crate) fn error_line(&self, text: &str) {
        let _unread = writeln!(io::stderr().lock(), "{text}");
    }

    /// Tells something that is neither a result nor an error.
    pub(crate) fn note(&self, text: &str) {
        self.error_line(&format!("{} {}", self.error_style.yellow("note:"), clean(text)));
    }
}
