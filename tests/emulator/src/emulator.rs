//! One emulator process a test binary. It ends when the binary ends, also when that is killed: it watches a pipe.

use std::env;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail, ensure};

/// The region of everything in tests.
pub const REGION: &str = "us-east-1";
/// The key that may do anything.
pub const ACCESS_KEY_ID: &str = "test";
/// Its secret.
pub const SECRET_ACCESS_KEY: &str = "test";

/// How long it may take to answer, on a machine that compiles meanwhile.
const START_DEADLINE: Duration = Duration::from_secs(60);
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// A running emulator, or the endpoint that the environment names.
#[derive(Debug)]
pub struct Emulator {
    endpoint: String,
    /// Ends when its standard input closes, which happens when this is dropped or the test binary dies.
    _process: Option<Child>,
}

impl Emulator {
    /// The emulator of this test binary, started at the first call.
    ///
    /// # Panics
    /// If it cannot be started: tests that need it must fail without it.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Emulator> = OnceLock::new();
        SHARED.get_or_init(|| Self::start(false).unwrap_or_else(|error| panic!("{error:#}")))
    }

    /// Starts one, or takes the endpoint in `AWS_ENDPOINT_URL`. With `enforces_iam` every caller needs a policy that
    /// allows what it does; the key `test` is root all the same.
    ///
    /// # Errors
    /// If it is not installed, or does not answer within a minute.
    pub fn start(enforces_iam: bool) -> anyhow::Result<Self> {
        if let Ok(endpoint) = env::var("AWS_ENDPOINT_URL") {
            return Ok(Self { endpoint, _process: None });
        }
        let port = free_port()?;
        let endpoint = format!("http://127.0.0.1:{port}");
        let process = spawn(port, &endpoint, enforces_iam)?;
        let emulator = Self { endpoint, _process: Some(process) };
        wait_until_it_answers(port)?;
        Ok(emulator)
    }

    /// Where it listens, as `http://host:port`.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }
}

/// A name that no other test of this run uses, good for buckets, tables and queues.
pub fn unique(prefix: &str) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let started_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
    format!("{prefix}-{started_ms}-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

fn spawn(port: u16, endpoint: &str, enforces_iam: bool) -> anyhow::Result<Child> {
    let python = workspace().join("target/tools/emulator/bin/python");
    ensure!(python.exists(), "the AWS emulator is not installed: run scripts/test-tools.sh once");
    let log_folder = workspace().join("target/tools/logs");
    std::fs::create_dir_all(&log_folder).context("make a folder for the emulator's log")?;
    let log = std::fs::File::create(log_folder.join(format!("emulator-{port}.log")))
        .context("open the emulator's log")?;
    Command::new(python)
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("run_emulator.py"))
        .env("GATEWAY_PORT", port.to_string())
        .env("BIND_HOST", "127.0.0.1")
        .env("MINISTACK_HOST", "127.0.0.1")
        .env("AUTH", enforces_iam.to_string())
        .env("IOT_MTLS_ENABLED", "0")
        .env("SFTP_ENABLED", "0")
        // What the emulator gives to the functions that it runs.
        .env("AWS_ENDPOINT_URL", endpoint)
        .env("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID)
        .env("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY)
        .env("AWS_REGION", REGION)
        .stdin(Stdio::piped())
        .stdout(log.try_clone().context("share the emulator's log")?)
        .stderr(log)
        .spawn()
        .context("start the AWS emulator")
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn free_port() -> anyhow::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("find a free port")?;
    Ok(listener.local_addr().context("read the port")?.port())
}

fn wait_until_it_answers(port: u16) -> anyhow::Result<()> {
    let deadline = Instant::now() + START_DEADLINE;
    while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
        if Instant::now() > deadline {
            bail!(
                "the AWS emulator did not answer within {START_DEADLINE:?}; see target/tools/logs/emulator-{port}.log"
            );
        }
        std::thread::sleep(POLL_INTERVAL);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_never_repeat() {
        assert_ne!(unique("queue"), unique("queue"));
    }

    #[test]
    fn it_starts_and_ends() {
        let emulator = Emulator::start(false).unwrap();
        assert!(emulator.endpoint().starts_with("http"));
    }
}
