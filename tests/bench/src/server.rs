//! Starts the real `millrace serve` on a free loopback port with a fresh data directory, and stops it when dropped.
//! It builds nothing: the binary must be there.

use std::fs::File;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::client::Client;
use crate::processor_time::ProcessorTime;

const START_TIMEOUT: Duration = Duration::from_secs(30);
const POLL_INTERVAL: Duration = Duration::from_millis(10);
/// A server that takes less than a fiftieth of the processor for so long is idle.
const IDLE_WINDOW: Duration = Duration::from_millis(500);
const IDLE_TIMEOUT: Duration = Duration::from_secs(120);

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
        self.start_with(&[]).await
    }

    /// Starts a server with an empty data directory and more arguments.
    pub(crate) async fn start_with(&self, arguments: &[&str]) -> Result<Server> {
        Server::start(self, ServerFolder::new()?, arguments).await
    }

    /// Starts a server on a data directory that was filled before.
    pub(crate) async fn start_in(&self, folder: ServerFolder) -> Result<Server> {
        Server::start(self, folder, &[]).await
    }
}

/// What a server writes: its data directory, and its log beside that. Removed when dropped.
#[derive(Debug)]
pub(crate) struct ServerFolder(TempDir);

impl ServerFolder {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self(tempfile::tempdir().context("make a data directory")?))
    }

    /// The data directory; nothing makes it but who fills it.
    pub(crate) fn data(&self) -> PathBuf {
        self.0.path().join("data")
    }

    fn log(&self) -> PathBuf {
        self.0.path().join("server.log")
    }
}

/// A running server. Its data directory is removed with it.
#[derive(Debug)]
pub(crate) struct Server {
    folder: ServerFolder,
    process: Child,
    pub(crate) client: Client,
}

impl Server {
    async fn start(binary: &MillraceBinary, folder: ServerFolder, arguments: &[&str]) -> Result<Self> {
        let port = free_port()?;
        let address = format!("127.0.0.1:{port}");
        let log = File::create(folder.log()).context("create the server's log")?;
        let process = Command::new(&binary.0)
            .args(["serve", "--listen", &address, "--data-dir"])
            .arg(folder.data())
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(log.try_clone().context("share the server's log")?)
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("start {}", binary.0.display()))?;
        let mut server = Self { folder, process, client: Client::new(address) };
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

    /// Its process id; 0 if it has ended.
    pub(crate) fn process_id(&self) -> u32 {
        self.process.id().unwrap_or(0)
    }

    /// Waits until it has done what there was to do: start-up work, the relay, the projections.
    pub(crate) async fn wait_until_idle(&self) {
        let deadline = Instant::now() + IDLE_TIMEOUT;
        let mut before = ProcessorTime::of(self.process_id());
        while Instant::now() < deadline {
            tokio::time::sleep(IDLE_WINDOW).await;
            let now = ProcessorTime::of(self.process_id());
            if now.since(&before).total() < IDLE_WINDOW / 50 {
                return;
            }
            before = now;
        }
    }

    fn last_words(&self) -> String {
        let log = std::fs::read_to_string(self.folder.log()).unwrap_or_default();
        let lines: Vec<&str> = log.lines().rev().take(20).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }
}

/// A port that was free a moment ago. Another program could take it meanwhile; then the server says so.
fn free_port() -> Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("find a free port")?;
    Ok(listener.local_addr().context("find a free port")?.port())
}
