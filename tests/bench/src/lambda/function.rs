//! One start of a function: its executable as a process of its own, with the environment that Lambda gives and nothing else.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
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
    pub(crate) async fn start(&self, variables: &BTreeMap<String, String>) -> Result<RunningFunction> {
        let api = RuntimeApi::start().await?;
        let folder = tempfile::tempdir().context("make a folder for the log")?;
        let log = File::create(folder.path().join("log")).context("create the function's log")?;
        let errors = log.try_clone().context("share the function's log")?;
        let mut command = Command::new(&self.path);
        command.env_clear().envs(variables).envs(self.lambda_variables(&api.address()));
        command.stdin(Stdio::null()).stdout(log).stderr(errors).kill_on_drop(true);
        let started = Instant::now();
        let process = command.spawn().with_context(|| format!("start {}", self.path.display()))?;
        let mut running = RunningFunction { api, process, folder };
        running.since_start(started).await
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
