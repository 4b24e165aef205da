//! What became of each file, the summary at the end, and the exit code that follows.

use std::path::PathBuf;

use serde::Serialize;

use crate::client::{ClientError, DocumentState};
use crate::exit_code::ExitCode;
use crate::output::{Style, one_line, outcome_line};

/// What became of one file.
#[derive(Debug)]
pub(super) struct FileOutcome {
    pub(super) path: PathBuf,
    pub(super) document_id: Option<String>,
    pub(super) ending: Ending,
}

#[derive(Debug)]
pub(super) enum Ending {
    /// The server has it; `was_there` before this run.
    Taken { was_there: bool, status: String, chunks: Option<u64> },
    /// The server processed it and failed, or somebody cancelled or deleted it meanwhile.
    Unfinished { status: String, reason: String },
    /// Another file of this run has the same name and content.
    SameAs { path: PathBuf },
    /// It was not sent, or what became of it is not known.
    Error(ClientError),
    /// Not tried, because nothing could have come of it.
    NotTried,
}

impl Ending {
    pub(super) fn unfinished(state: &DocumentState) -> Self {
        Self::Unfinished { status: state.status.clone(), reason: state.failure() }
    }
}

/// The outcome as one line of JSON.
#[derive(Serialize)]
struct Told<'a> {
    path: String,
    outcome: &'static str,
    document_id: Option<&'a str>,
    status: Option<&'a str>,
    reason: Option<String>,
}

impl FileOutcome {
    /// One line for a person; none for a file that was not tried.
    pub(super) fn line(&self, style: Style) -> Option<String> {
        let id = self.document_id.as_deref().unwrap_or_default();
        let name = self.path.display().to_string();
        match &self.ending {
            Ending::Taken { was_there, status, chunks } => {
                let chunks = chunks.map(|chunks| format!("{chunks} chunks")).unwrap_or_default();
                let note = if *was_there { "already there" } else { "" };
                Some(outcome_line(style, status, &name, &[id, &chunks, note]))
            }
            Ending::Unfinished { status, reason } => Some(outcome_line(style, status, &name, &[id, reason])),
            Ending::SameAs { path } => {
                Some(outcome_line(style, "same", &name, &[&format!("as {}", path.display())]))
            }
            Ending::Error(error) => Some(outcome_line(style, "failed", &name, &[id, &reason_of(error)])),
            Ending::NotTried => None,
        }
    }

    /// One line for a script.
    pub(super) fn json_line(&self) -> String {
        let (outcome, status, reason) = match &self.ending {
            Ending::Taken { was_there: false, status, .. } => ("uploaded", Some(status.as_str()), None),
            Ending::Taken { was_there: true, status, .. } => ("already_there", Some(status.as_str()), None),
            Ending::Unfinished { status, reason } => ("failed", Some(status.as_str()), Some(reason.clone())),
            Ending::SameAs { path } => ("same_as_another", None, Some(path.display().to_string())),
            Ending::Error(error) => ("failed", None, Some(reason_of(error))),
            Ending::NotTried => ("not_tried", None, None),
        };
        let document_id = self.document_id.as_deref();
        let told = Told { path: self.path.display().to_string(), outcome, document_id, status, reason };
        serde_json::to_string(&told).expect("texts can be written as JSON")
    }

    fn has_failed(&self) -> bool {
        matches!(self.ending, Ending::Unfinished { .. } | Ending::Error(_))
    }
}

fn reason_of(error: &ClientError) -> String {
    let mut reason = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(source) = cause {
        reason.push_str(&format!(": {source}"));
        cause = source.source();
    }
    if let Some(id) = error.problem().and_then(|problem| problem.correlation_id.as_deref()) {
        reason.push_str(&format!(" (correlation id {id})"));
    }
    one_line(&reason)
}

/// All outcomes of one run.
#[derive(Debug, Default)]
pub(super) struct Summary {
    pub(super) outcomes: Vec<FileOutcome>,
}

impl Summary {
    /// The last lines: counts, and the failures once more where they may have scrolled away.
    pub(super) fn lines(&self, style: Style) -> Vec<String> {
        let count =
            |is: fn(&Ending) -> bool| self.outcomes.iter().filter(|outcome| is(&outcome.ending)).count();
        let mut parts = vec![
            (count(|ending| matches!(ending, Ending::Taken { was_there: false, .. })), "uploaded"),
            (count(|ending| matches!(ending, Ending::Taken { was_there: true, .. })), "already there"),
            (count(|ending| matches!(ending, Ending::SameAs { .. })), "the same as another"),
            (self.outcomes.iter().filter(|outcome| outcome.has_failed()).count(), "failed"),
            (count(|ending| matches!(ending, Ending::NotTried)), "not tried"),
        ];
        parts.retain(|&(count, name)| count > 0 || name == "uploaded");
        let counts: Vec<String> = parts.iter().map(|(count, name)| format!("{count} {name}")).collect();
        let mut lines = vec![style.bold(&counts.join(", "))];
        if self.outcomes.len() > 1 {
            let failed = self.outcomes.iter().filter(|outcome| outcome.has_failed());
            lines.extend(failed.filter_map(|outcome| outcome.line(style)).map(|line| format!("  {line}")));
        }
        lines
    }

    /// The error that would have met every other document as well, if there was one.
    pub(super) fn into_hopeless(self) -> Option<ClientError> {
        self.outcomes.into_iter().find_map(|outcome| match outcome.ending {
            Ending::Error(error) if error.concerns_every_document() => Some(error),
            _ => None,
        })
    }

    /// What a script should know: trouble with the server before trouble with documents, and if all there was is one
    /// kind of trouble, that.
    pub(super) fn exit_code(&self) -> ExitCode {
        let mut code = ExitCode::Done;
        let mut any_taken = false;
        let mut any_refused_alone = ExitCode::Done;
        for outcome in &self.outcomes {
            match &outcome.ending {
                Ending::Taken { .. } => any_taken = true,
                Ending::SameAs { .. } | Ending::NotTried => {}
                Ending::Unfinished { .. } => {
                    any_taken = true;
                    code = code.worse(ExitCode::SomeFailed);
                }
                Ending::Error(error) if error.concerns_every_document() || is_timeout(error) => {
                    code = code.worse(ExitCode::of(error));
                }
                Ending::Error(error) => any_refused_alone = any_refused_alone.worse(ExitCode::of(error)),
            }
        }
        let of_errors = match (any_refused_alone, any_taken) {
            (ExitCode::Done, _) => ExitCode::Done,
            (_, true) => ExitCode::SomeFailed,
            (all_the_same, false) => all_the_same,
        };
        code.worse(of_errors)
    }
}

fn is_timeout(error: &ClientError) -> bool {
    matches!(error, ClientError::WaitedTooLong { .. })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Problem;

    fn outcome(ending: Ending) -> FileOutcome {
        FileOutcome { path: "a.pdf".into(), document_id: Some("d-1".into()), ending }
    }

    fn taken(was_there: bool) -> FileOutcome {
        outcome(Ending::Taken { was_there, status: "ready".into(), chunks: Some(12) })
    }

    fn refused(status: u16) -> FileOutcome {
        let problem = Problem { status, title: "No".into(), ..Problem::default() };
        outcome(Ending::Error(ClientError::Refused(Box::new(problem))))
    }

    fn unfinished() -> FileOutcome {
        let (status, reason) = ("failed".into(), "no text (empty in extract)".into());
        outcome(Ending::Unfinished { status, reason })
    }

    fn code(outcomes: Vec<FileOutcome>) -> ExitCode {
        Summary { outcomes }.exit_code()
    }

    #[test]
    fn the_exit_code_tells_the_most_important_thing() {
        assert_eq!(code(vec![]), ExitCode::Done);
        assert_eq!(code(vec![taken(false), taken(true)]), ExitCode::Done);
        assert_eq!(code(vec![taken(false), unfinished()]), ExitCode::SomeFailed);
        assert_eq!(code(vec![taken(false), refused(413)]), ExitCode::SomeFailed);
        assert_eq!(code(vec![refused(413)]), ExitCode::Refused);
        assert_eq!(code(vec![taken(false), refused(401)]), ExitCode::Refused);
        let after = std::time::Duration::from_secs(1);
        let timeout = outcome(Ending::Error(ClientError::WaitedTooLong { after }));
        assert_eq!(code(vec![unfinished(), timeout]), ExitCode::TimedOut);
    }

    #[test]
    fn the_summary_counts_and_repeats_what_failed() {
        let outcomes = vec![taken(false), taken(true), unfinished(), outcome(Ending::NotTried)];
        let lines = Summary { outcomes }.lines(Style::Plain);
        assert_eq!(lines[0], "1 uploaded, 1 already there, 1 failed, 1 not tried");
        assert_eq!(lines[1], "  failed     a.pdf  d-1  no text (empty in extract)");
        assert_eq!(lines.len(), 2);
    }

    #[test]
    fn a_script_reads_an_outcome_as_json() {
        assert_eq!(
            taken(true).json_line(),
            r#"{"path":"a.pdf","outcome":"already_there","document_id":"d-1","status":"ready","reason":null}"#
        );
    }
}
