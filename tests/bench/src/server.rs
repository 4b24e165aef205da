//! Starts the real `millrace serve` on a free loopback port with a fresh data directory, and stops it when dropped.
//! It builds nothing: the binary must be there.

use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::client::Client;

const START_TIMEOUT: Duration = Duration::from_secs(30);
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// The program under measurement.
#[derive(Debug, Clone)]
pub(crate) struct MillraceBinary(PathBuf);

impl MillraceBinary {
    /// The given program, or the one beside this program (or, for `cargo bench`, one folder up).
    pub(crate) fn find(given: Option<PathBuf>) -> Result<Self> {
        let candidates = match given {
            Some(path) => vec![path],
            None => {
                let own = std::env::current_exe().context("find the folder of this program")?;
                let name = format!("millrace{}", std::env::consts::EXE_SUFFIX);
                own.ancestors().skip(1).take(2).map(|folder| folder.join(&name)).collect()
            }
        };
        match candidates.iter().find(|path| path.is_file()) {
            Some(path) => Ok(Self(path.clone())),
            None => bail!(
                "no millrace binary at {candidates:?}; run `cargo build --release` first, or name it with --millrace"
            ),
        }
    }

    /// Starts a server with an empty data directory.
    pub(crate) async fn start(&self) -> Result<Server> {
        let folder = tempfile::tempdir().context("make a data directory")?;
        Server::start(self.clone(), folder, &[]).await
    }

    /// Starts a server with an empty data directory and more arguments.
    pub(crate) async fn start_with(&self, arguments: &[&str]) -> Result<Server> {
        let folder = tempfile::tempdir().context("make a data directory")?;
        Server::start(self.clone(), folder, arguments).await
    }
}

/// A running server. Its data directory is removed with it.
#[derive(Debug)]
pub(crate) struct Server {
    binary: MillraceBinary,
    folder: TempDir,
    process: Child,
    pub(crate) client: Client,
}

impl Server {
    async fn start(binary: MillraceBinary, folder: TempDir, arguments: &[&str]) -> Result<Self> {
        let port = free_port()?;
        let address = format!("127.0.0.1:{port}");
        let log = File::create(log_path(folder.path())).context("create the server's log")?;
        let process = Command::new(&binary.0)
            .args(["serve", "--listen", &address, "--data-dir"])
            .arg(folder.path().join("data"))
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(log.try_clone().context("share the server's log")?)
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("start {}", binary.0.display()))?;
        let mut server = Self { binary, folder, process, client: Client::new(address) };
        server.wait_until_healthy().await?;
        Ok(server)
    }

    async fn wait_until_healthy(&mut self) -> Result<()> {
        let deadline = Instant::now() + START_TIMEOUT;
        while !self.client.is_healthy().await {
            let exited = self.process.try_wait().context("look after the server")?;
            if exited.is_some() || Instant::now() > deadline {
                bail!("the server did not start ({exited:?}); it said:\n{}", self.last_words());
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
        Ok(())
    }

    /// Stops the server as a crash would, and starts it again on the same data with other arguments.
    pub(crate) async fn restart_with(mut self, arguments: &[&str]) -> Result<Self> {
        self.process.kill().await.context("stop the server")?;
        Self::start(self.binary, self.folder, arguments).await
    }

    /// Its process id; 0 if it has ended.
    pub(crate) fn process_id(&self) -> u32 {
        self.process.id().unwrap_or(0)
    }

    fn last_words(&self) -> String {
        let log = std::fs::read_to_string(log_path(self.folder.path())).unwrap_or_default();
        let lines: Vec<&str> = log.lines().rev().take(20).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }
}

fn log_path(folder: &Path) -> PathBuf {
    folder.join("server.log")
}

/// A port that was free a moment ago. Another program could take it meanwhile; then the server says so.
fn free_port() -> Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("find a free port")?;
    Ok(listener.local_addr().context("find a free port")?.port())
}
