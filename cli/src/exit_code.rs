//! The exit codes, in one table, so that scripts can tell outcomes apart, and which error gives which code.
//! Printing errors is not done here; see `output/failure.rs`.

use std::process;

use crate::client::ClientError;

/// How the program ends. clap itself ends with 2 when the command line cannot be understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExitCode {
    /// Everything asked for was done; every document waited for is ready.
    Done,
    /// Anything that has no code of its own: a local file, a broken answer, a fault of the server.
    Other,
    /// Some documents failed, were cancelled or could not be read.
    SomeFailed,
    /// The server was not reached, or said that it is unavailable for longer than we retry.
    Unreachable,
    /// No such document or dead letter, or it was deleted.
    NotFound,
    /// The server refused the request: its 4xx.
    Refused,
    /// `--timeout` passed before everything settled.
    TimedOut,
    /// Ctrl-C.
    Interrupted,
}

/// The table that `--help` shows.
pub(crate) const EXIT_CODES_HELP: &str = "\
Exit codes:
    0  done; every document waited for is ready
    1  any other error
    2  the command line could not be understood
    3  some documents failed, were cancelled or could not be read
    4  the server could not be reached or is unavailable
    5  no such document or dead letter, or it was deleted
    6  the server refused the request
    7  --timeout passed before everything settled
  130  interrupted";

impl ExitCode {
    const fn number(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Other => 1,
            Self::SomeFailed => 3,
            Self::Unreachable => 4,
            Self::NotFound => 5,
            Self::Refused => 6,
            Self::TimedOut => 7,
            Self::Interrupted => 130,
        }
    }

    /// The code for an error that ended a command.
    pub(crate) fn of_error(error: &anyhow::Error) -> Self {
        error.chain().find_map(|cause| cause.downcast_ref::<ClientError>()).map_or(Self::Other, Self::of)
    }

    /// The code for an error of the client.
    pub(crate) fn of(error: &ClientError) -> Self {
        match error {
            ClientError::Unreachable { .. } | ClientError::NoAnswer { .. } | ClientError::Broken { .. } => {
                Self::Unreachable
            }
            ClientError::Refused(problem) => match problem.status {
                404 | 410 => Self::NotFound,
                400..=499 => Self::Refused,
                502..=504 => Self::Unreachable,
                _ => Self::Other,
            },
            ClientError::WaitedTooLong { .. } => Self::TimedOut,
            ClientError::Unreadable { .. } | ClientError::File { .. } | ClientError::Changed { .. } => {
                Self::Other
            }
        }
    }

    /// Of two outcomes, the one that a script must hear about: trouble with the server hides trouble with a document.
    pub(crate) fn worse(self, other: Self) -> Self {
        const MILD_TO_SEVERE: [ExitCode; 8] = [
            ExitCode::Done,
            ExitCode::SomeFailed,
            ExitCode::NotFound,
            ExitCode::TimedOut,
            ExitCode::Refused,
            ExitCode::Other,
            ExitCode::Unreachable,
            ExitCode::Interrupted,
        ];
        let severity = |code: Self| MILD_TO_SEVERE.iter().position(|&c| c == code);
        if severity(other) > severity(self) { other } else { self }
    }
}

impl From<ExitCode> for process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code.number())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Problem;

    #[test]
    fn the_help_lists_every_code() {
        for code in [
            ExitCode::Done,
            ExitCode::Other,
            ExitCode::SomeFailed,
            ExitCode::Unreachable,
            ExitCode::NotFound,
            ExitCode::Refused,
            ExitCode::TimedOut,
            ExitCode::Interrupted,
        ] {
            let number = code.number().to_string();
            assert!(
                EXIT_CODES_HELP.lines().any(|line| line.split_whitespace().next() == Some(&number)),
                "{number}"
            );
        }
    }

    #[test]
    fn a_refusal_is_told_from_an_absence_and_from_an_outage() {
        let of_status = |status| {
            let refused = ClientError::Refused(Box::new(Problem { status, ..Problem::default() }));
            ExitCode::of_error(&anyhow::Error::from(refused).context("reading the document"))
        };
        assert_eq!(of_status(404), ExitCode::NotFound);
        assert_eq!(of_status(410), ExitCode::NotFound);
        assert_eq!(of_status(401), ExitCode::Refused);
        assert_eq!(of_status(503), ExitCode::Unreachable);
        assert_eq!(of_status(500), ExitCode::Other);
    }

    #[test]
    fn the_worse_of_two_outcomes_wins_from_either_side() {
        assert_eq!(ExitCode::SomeFailed.worse(ExitCode::Unreachable), ExitCode::Unreachable);
        assert_eq!(ExitCode::Unreachable.worse(ExitCode::SomeFailed), ExitCode::Unreachable);
        assert_eq!(ExitCode::Done.worse(ExitCode::SomeFailed), ExitCode::SomeFailed);
    }
}
