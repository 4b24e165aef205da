//! Bold, dim and colours, only where a terminal shows them.

/// Whether ANSI sequences are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    Plain,
    Ansi,
}

impl Style {
    pub(crate) fn bold(self, text: &str) -> String {
        self.wrap("1", text)
    }

    pub(crate) fn dim(self, text: &str) -> String {
        self.wrap("2", text)
    }

    pub(crate) fn red(self, text: &str) -> String {
        self.wrap("31", text)
    }

    pub(crate) fn yellow(self, text: &str) -> String {
        self.wrap("33", text)
    }

    pub(crate) fn cyan(self, text: &str) -> String {
        self.wrap("36", text)
    }

    /// A found word within a text.
    pub(crate) fn emphasis(self, text: &str) -> String {
        self.wrap("1;33", text)
    }

    /// The name of a document's state, in the colour of how good it is.
    pub(crate) fn status(self, status: &str) -> String {
        let code = match status {
            "ready" => "32",
            "failed" => "31",
            "processing" => "36",
            _ => "33",
        };
        self.wrap(code, status)
    }

    /// How a saga's step ended, in the colour of how good it is.
    pub(crate) fn outcome(self, outcome: &str) -> String {
        match outcome {
            "done" => outcome.to_owned(),
            "failed" => self.red(outcome),
            "running" => self.cyan(outcome),
            _ => self.yellow(outcome),
        }
    }

    fn wrap(self, code: &str, text: &str) -> String {
        match self {
            Self::Plain => text.to_owned(),
            Self::Ansi => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
        }
    }
}
