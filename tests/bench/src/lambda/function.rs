//! One start of a function: its executable as a process of its own, with the environment that Lambda gives and nothing else.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use serde::Deserialize;
use tempfile::TempDir;
use tokio::process::{Child, Command};

use super::{Call, RuntimeApi, WaitingPoll};
use crate::processor_time::ProcessorTime;

/// What a function logs when its connections are open.
const WARMED_UP: &str = "connections opened";

/// An executable as `cargo build --release` leaves it.
#[derive(Debug, Clone)]
pub(crate) struct FunctionBinary {
    pub(crate) name: String,
    pub(crate) path: PathBuf,
}

impl FunctionBinary {
    /// The one of that name in the folder.
    pub(crate) fn find(folder: &Path, name: &str) -> Result<Self> {
        let path = folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
        if !path.is_file() {
            bail!("no function at {}; the README says how to build them", path.display());
        }
        Ok(Self { name: name.to_owned(), path })
    }

    /// Starts it and waits for its first poll.
    pub(crate) async fn start(&self, variables: &BTreeMap<String, String>) -> Result<StartedFunction> {
        let api = RuntimeApi::start().await?;
        let folder = tempfile::tempdir().context("make a folder for the log")?;
        let log = File::create(folder.path().join("log")).context("create the function's log")?;
        let errors = log.try_clone().context("share the function's log")?;
        let mut command = Command::new(&self.path);
        command.env_clear().envs(variables).envs(self.lambda_variables(&api.address()));
        command.stdin(Stdio::null()).stdout(log).stderr(errors).kill_on_drop(true);
        let started = Instant::now();
        let process = command.spawn().with_context(|| format!("start {}", self.path.display()))?;
        let mut running = RunningFunction { api, process, folder, poll: None };
        let polled = running.next_poll().await?;
        Ok(StartedFunction { to_first_poll: polled.duration_since(started), running })
    }

    fn lambda_variables(&self, runtime_api: &str) -> [(&'static str, String); 10] {
        [
            ("AWS_LAMBDA_RUNTIME_API", runtime_api.to_owned()),
            ("AWS_LAMBDA_FUNCTION_NAME", self.name.clone()),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "1024".to_owned()),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
            ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand".to_owned()),
            ("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{}", self.name)),
            ("AWS_LAMBDA_LOG_STREAM_NAME", "bench".to_owned()),
            ("_HANDLER", "bootstrap".to_owned()),
            ("LANG", "en_US.UTF-8".to_owned()),
            ("TZ", ":UTC".to_owned()),
        ]
    }
}

/// A function at its first poll.
#[derive(Debug)]
pub(crate) struct StartedFunction {
    /// From the start of the process.
    pub(crate) to_first_poll: Duration,
    pub(crate) running: RunningFunction,
}

/// A function that waits for an event. Dropped, it is killed.
#[derive(Debug)]
pub(crate) struct RunningFunction {
    api: RuntimeApi,
    process: Child,
    folder: TempDir,
    poll: Option<WaitingPoll>,
}

/// What came of one event.
#[derive(Debug)]
pub(crate) struct Invocation {
    /// From the event to the answer.
    pub(crate) elapsed: Duration,
    pub(crate) processor_time: Duration,
    pub(crate) answer: Bytes,
}

impl RunningFunction {
    /// Hands out an event and waits until the function asks for the next one.
    pub(crate) async fn invoke(&mut self, event: Bytes) -> Result<Invocation> {
        let poll = self.poll.take().context("the function has not asked for an event")?;
        let before = self.processor_time();
        let given = poll.give(event);
        let (at, answer) = match self.api.call().await {
            Ok(Call::Answer { at, body }) => (at, body),
            Ok(Call::Failure { body }) => bail!("the function failed: {}", String::from_utf8_lossy(&body)),
            other => bail!("the function did not answer ({other:?}); it said:\n{}", self.log()),
        };
        let processor_time = self.processor_time().saturating_sub(before);
        self.next_poll().await?;
        Ok(Invocation { elapsed: at.duration_since(given), processor_time, answer })
    }

    /// Of all its threads since its start. Its children are not counted.
    pub(crate) fn processor_time(&self) -> Duration {
        self.process.id().map(ProcessorTime::of).unwrap_or_default().total()
    }

    /// How long it waited for connections before it polled, as it logged it.
    pub(crate) fn time_to_warm_up(&self) -> Option<Duration> {
        let log = self.log();
        let lines = log.lines().filter_map(|line| serde_json::from_str::<LogLine>(line).ok());
        let warmed = lines.filter(|line| line.message == WARMED_UP).find_map(|line| line.duration_ms)?;
        Some(Duration::from_secs_f64(warmed / 1_000.0))
    }

    async fn next_poll(&mut self) -> Result<Instant> {
        let poll = match self.api.call().await {
            Ok(Call::Poll(poll)) => poll,
            Ok(Call::Failure { body }) => bail!("the function failed: {}", String::from_utf8_lossy(&body)),
            other => bail!("the function did not poll ({other:?}); it said:\n{}", self.log()),
        };
        let at = poll.at;
        self.poll = Some(poll);
        Ok(at)
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

#[derive(Debug, Deserialize)]
struct LogLine {
    message: String,
    duration_ms: Option<f64>,
}
