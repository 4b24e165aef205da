//! The extractor that production uses: every document is parsed in a child process of its own, which is
//! killed at the time limit, and whose panic, abort or hunger for memory is a failed document. It
//! deliberately does not bound how many children run at once; that is the caller's business.

use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt;
use millrace_ports::{
    ByteStream, ExtractedText, ExtractionError, ExtractionHints, ExtractionLimits, TextExtractor,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::{Instant, timeout_at};

use crate::child::EXTRACTION_CHILD_ARG;
use crate::extract::input_too_large;
use crate::frame::{Lengths, PREFIX_BYTES, Request, join};

const STDERR_BYTES_MAX: usize = 8 << 10;
/// A child whose answer is complete, or that was killed, is gone within this time.
const EXIT_GRACE: Duration = Duration::from_millis(500);

const SIGABRT: i32 = 6;
const SIGKILL: i32 = 9;
const SIGXCPU: i32 = 24;
const PANIC_EXIT_CODE: i32 = 101;

/// How the child is started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChildCommand {
    /// The program; it calls [`crate::run_extraction_child`] when it sees its arguments.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
}

impl ChildCommand {
    /// This very program with [`EXTRACTION_CHILD_ARG`]. The link names the running image, also after
    /// the file it came from was replaced.
    #[must_use]
    pub fn this_program() -> Self {
        Self {
            program: PathBuf::from("/proc/self/exe"),
            arguments: vec![OsString::from(EXTRACTION_CHILD_ARG)],
        }
    }
}

/// Extracts text in child processes that can be killed.
#[derive(Debug, Clone)]
pub struct ProcessTextExtractor {
    command: ChildCommand,
    limits: ExtractionLimits,
}

impl ProcessTextExtractor {
    /// An extractor whose children are this program; see [`ChildCommand::this_program`].
    #[must_use]
    pub fn new(limits: ExtractionLimits) -> Self {
        Self::with_command(ChildCommand::this_program(), limits)
    }

    /// An extractor with another child program.
    #[must_use]
    pub fn with_command(command: ChildCommand, limits: ExtractionLimits) -> Self {
        Self { command, limits }
    }

    fn spawn(&self) -> Result<Child, ExtractionError> {
        Command::new(&self.command.program)
            .args(&self.command.arguments)
            // A parser that is taken over finds no credentials in its environment.
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| {
                ExtractionError::Unavailable(format!("cannot start the parser process: {error}"))
            })
    }

    fn timed_out(&self) -> ExtractionError {
        ExtractionError::TimedOut(format!(
            "the parser was still running after {} ms",
            self.limits.time_ms_max
        ))
    }
}

#[async_trait]
impl TextExtractor for ProcessTextExtractor {
    async fn extract(
        &self,
        content: ByteStream,
        hints: &ExtractionHints,
    ) -> Result<ExtractedText, ExtractionError> {
        let deadline = Instant::now() + Duration::from_millis(self.limits.time_ms_max);
        let mut child = self.spawn()?;
        let (Some(input), Some(output), Some(errors)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(ExtractionError::Unavailable("the parser process has no pipes".to_owned()));
        };
        let request = Request { hints: hints.clone(), limits: self.limits.clone() };
        // The end of standard error comes with the end of the child, so it is read beside everything else.
        let errors = tokio::spawn(read_bounded(errors));
        let sent = match timeout_at(deadline, send(input, &request, content)).await {
            Ok(sent) => sent,
            Err(_) => {
                kill(&mut child).await;
                return Err(ExtractionError::Unavailable(
                    "the document did not arrive within the time limit".to_owned(),
                ));
            }
        };
        if let Err(error) = sent {
            kill(&mut child).await;
            return Err(error);
        }
        let Ok(received) = timeout_at(deadline, receive(output, self.limits.text_bytes_max)).await else {
            kill(&mut child).await;
            return Err(self.timed_out());
        };
        if let Some(result) = received {
            // Its answer is complete; how it ends after that makes no difference.
            reap(&mut child).await;
            return result;
        }
        let Ok(status) = timeout_at(deadline, child.wait()).await else {
            kill(&mut child).await;
            return Err(self.timed_out());
        };
        let status = status.map_err(|error| {
            ExtractionError::Unavailable(format!("cannot learn how the parser ended: {error}"))
        })?;
        let complaint =
            tokio::time::timeout(EXIT_GRACE, errors).await.ok().and_then(Result::ok).unwrap_or_default();
        tracing::debug!(%status, complaint, "the parser process ended without a result");
        Err(explain(status, &complaint, &self.limits))
    }
}

/// Streams the request and the document into the child. A child that stops reading has its reasons,
/// which its answer or its exit will tell; only our own side can fail here.
async fn send(
    mut input: ChildStdin,
    request: &Request,
    mut content: ByteStream,
) -> Result<(), ExtractionError> {
    let mut line =
        serde_json::to_vec(request).map_err(|error| ExtractionError::Unavailable(error.to_string()))?;
    line.push(b'\n');
    if input.write_all(&line).await.is_err() {
        return Ok(());
    }
    let mut sent_bytes: u64 = 0;
    while let Some(piece) = content.next().await {
        let piece = piece
            .map_err(|error| ExtractionError::Unavailable(format!("cannot read the document: {error}")))?;
        sent_bytes += piece.len() as u64;
        if sent_bytes > request.limits.input_bytes_max {
            return Err(input_too_large(request.limits.input_bytes_max));
        }
        if input.write_all(&piece).await.is_err() {
            return Ok(());
        }
    }
    Ok(())
}

/// Reads the child's one result; nothing if it ended without one.
async fn receive(
    mut output: ChildStdout,
    text_bytes_max: u64,
) -> Option<Result<ExtractedText, ExtractionError>> {
    let mut prefix = [0; PREFIX_BYTES];
    output.read_exact(&mut prefix).await.ok()?;
    let lengths = Lengths::parse(&prefix, text_bytes_max)?;
    let mut head = vec![0; usize::try_from(lengths.head_bytes).ok()?];
    output.read_exact(&mut head).await.ok()?;
    let mut text = vec![0; usize::try_from(lengths.text_bytes).ok()?];
    output.read_exact(&mut text).await.ok()?;
    join(&head, text)
}

/// Reads everything, so that the writer never blocks, and keeps the start of it.
async fn read_bounded(mut source: impl AsyncRead + Unpin) -> String {
    let mut kept = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = source.read(&mut buffer).await {
        let room = STDERR_BYTES_MAX - kept.len();
        kept.extend_from_slice(&buffer[..count.min(room)]);
    }
    String::from_utf8_lossy(&kept).into_owned()
}

async fn reap(child: &mut Child) {
    if tokio::time::timeout(EXIT_GRACE, child.wait()).await.is_err() {
        kill(child).await;
    }
}

async fn kill(child: &mut Child) {
    // An error means that it is gone already; dropping it reaps what is left.
    let _gone = tokio::time::timeout(EXIT_GRACE, child.kill()).await;
}

/// What it means that a child ended without a result.
fn explain(status: ExitStatus, complaint: &str, limits: &ExtractionLimits) -> ExtractionError {
    let out_of_memory = || {
        ExtractionError::TooLarge(format!(
            "the parser needs more than {} bytes of memory",
            limits.memory_bytes_max
        ))
    };
    let starved = complaint.contains("memory allocation of") || complaint.contains("annot allocate memory");
    match (status.signal(), status.code()) {
        (Some(SIGXCPU), _) => ExtractionError::TimedOut("the parser used up its processor time".to_owned()),
        (Some(SIGABRT), _) if starved => out_of_memory(),
        (Some(SIGABRT), _) if complaint.contains("overflowed its stack") => {
            ExtractionError::Corrupt("nested too deeply for the parser".to_owned())
        }
        // Nobody here sent it: the system does when memory runs out.
        (Some(SIGKILL), _) => out_of_memory(),
        (Some(signal), _) => ExtractionError::Corrupt(format!("the parser crashed with signal {signal}")),
        (None, Some(PANIC_EXIT_CODE)) if starved => out_of_memory(),
        (None, Some(PANIC_EXIT_CODE)) => ExtractionError::Corrupt("the parser panicked".to_owned()),
        (None, code) => {
            ExtractionError::Unavailable(format!("the parser process ended with code {code:?} and no result"))
        }
    }
}
