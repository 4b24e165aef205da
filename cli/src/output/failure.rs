//! How an error is told to a person: what went wrong, why, and what to do about it.

use crate::client::{ClientError, Problem, ServerUrl};
use crate::exit_code::ExitCode;

use super::console::Console;
use super::text::{clean, one_line};

impl Console {
    /// Tells the error that ended a command and gives its exit code.
    pub(crate) fn report(&self, error: &anyhow::Error, server: &ServerUrl) -> ExitCode {
        if let Some(problem) = self.problem_for_json(error) {
            self.error_line(problem.text.trim());
        } else {
            self.error_line(&self.told(error, server));
        }
        ExitCode::of_error(error)
    }

    /// Says goodbye after Ctrl-C.
    pub(crate) fn interrupted(&self) -> ExitCode {
        self.error_line("\ninterrupted; what the server accepted goes on there");
        ExitCode::Interrupted
    }

    /// With `--json` the server's own words, as they came.
    fn problem_for_json<'e>(&self, error: &'e anyhow::Error) -> Option<&'e Problem> {
        let problem = client_error(error)?.problem()?;
        (self.json() && problem.text.trim_start().starts_with('{')).then_some(problem)
    }

    fn told(&self, error: &anyhow::Error, server: &ServerUrl) -> String {
        let mut lines = Vec::new();
        let mut causes = error.chain().peekable();
        while let Some(cause) = causes.next() {
            let text = match cause.downcast_ref::<ClientError>().and_then(ClientError::problem) {
                Some(problem) => format!("{} ({})", problem.title, problem.status),
                None => cause.to_string(),
            };
            lines.push(text);
            // The layers of the HTTP library below say little that the last of them does not.
            if is_connection(cause) {
                lines.extend(causes.last().map(ToString::to_string));
                break;
            }
        }
        let mut details = Vec::new();
        if let Some(error) = client_error(error) {
            details.extend(error.problem().map(problem_details).unwrap_or_default());
            details.extend(advice(error, server));
        }
        let style = self.error_style();
        let mut told =
            format!("{} {}", style.red(&style.bold("error:")), clean(&one_line(&lines.join(": "))));
        for detail in details {
            told.push_str("\n  ");
            told.push_str(&clean(&detail));
        }
        told
    }
}

fn client_error(error: &anyhow::Error) -> Option<&ClientError> {
    error.chain().find_map(|cause| cause.downcast_ref())
}

fn is_connection(cause: &(dyn std::error::Error + 'static)) -> bool {
    matches!(cause.downcast_ref(), Some(ClientError::Unreachable { .. } | ClientError::Broken { .. }))
}

fn problem_details(problem: &Problem) -> Vec<String> {
    let mut details: Vec<String> = problem.detail.iter().cloned().collect();
    if let Some(code) = &problem.code {
        details.push(format!("code: {code}"));
    }
    if let Some(id) = &problem.correlation_id {
        details.push(format!("correlation id: {id}"));
    }
    details
}

fn advice(error: &ClientError, server: &ServerUrl) -> Option<String> {
    match error {
        ClientError::Unreachable { .. } if server.is_this_machine() => {
            Some("is it running? start it with: millrace serve".into())
        }
        ClientError::Unreachable { .. } => Some("is --url (or MILLRACE_URL) the server's address?".into()),
        ClientError::Refused(problem) => advice_on(problem).map(str::to_owned),
        ClientError::WaitedTooLong { .. } => {
            Some("the server goes on; run the same command again to wait for longer".into())
        }
        _ => None,
    }
}

fn advice_on(problem: &Problem) -> Option<&'static str> {
    match problem.status {
        401 => Some("give a key with --api-key or MILLRACE_API_KEY; make one with: millrace keys create"),
        _ if problem.retryable == Some(true) => Some("this may pass; try again later"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::Environment;

    fn told(error: ClientError, url: &str) -> String {
        let environment = Environment {
            stdout_is_terminal: false,
            stderr_is_terminal: false,
            colors_allowed: false,
            columns: None,
        };
        let console = Console::new(&environment, false, false);
        console.told(&anyhow::Error::from(error), &url.parse().unwrap())
    }

    fn unreachable(url: &str) -> ClientError {
        let source = Box::new(std::io::Error::from(std::io::ErrorKind::ConnectionRefused));
        ClientError::Unreachable { url: url.into(), source }
    }

    #[test]
    fn a_server_that_does_not_run_can_be_started() {
        let url = "http://127.0.0.1:8787";
        assert_eq!(
            told(unreachable(url), url),
            "error: cannot reach http://127.0.0.1:8787: connection refused\n  \
             is it running? start it with: millrace serve"
        );
        let url = "https://a.example";
        assert!(told(unreachable(url), url).contains("MILLRACE_URL"));
    }

    #[test]
    fn a_problem_shows_title_detail_and_correlation_id() {
        let problem = Problem {
            status: 413,
            title: "Too large".into(),
            detail: Some("at most 4 MB\u{1b}[2J".into()),
            correlation_id: Some("c-1".into()),
            ..Problem::default()
        };
        assert_eq!(
            told(ClientError::Refused(Box::new(problem)), "https://a.example"),
            "error: Too large (413)\n  at most 4 MB[2J\n  correlation id: c-1"
        );
    }
}
