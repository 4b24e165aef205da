//! Starts, kills and stops a node of the built binary on a free port with a data folder of its own.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::client::Client;

/// A data folder, kept over restarts.
pub(crate) struct Folder {
    folder: tempfile::TempDir,
}

impl Folder {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub(crate) fn start(&self) -> Node {
        Node::start(&self.path(), &[])
    }
}

/// A running node; killed when dropped.
pub(crate) struct Node {
    child: Child,
    pub(crate) url: String,
}

pub(crate) fn command(data: &Path, options: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_millrace"));
    command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(data).args(options);
    command.env("MILLRACE_LOG", "warn");
    command
}

impl Node {
    /// Starts a node and returns once it says where it listens.
    pub(crate) fn start(data: &Path, options: &[&str]) -> Self {
        Self::start_command(command(data, options))
    }

    /// Starts a node by a command that becomes one.
    pub(crate) fn start_command(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = lines.next().expect("the node ended before it listened; see its log above").unwrap();
        let url = first.split_whitespace().find(|word| word.starts_with("http://")).expect(&first).to_owned();
        // The rest of the welcome is read to its end, so that the node never blocks on a full pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, url }
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(&self.url)
    }

    /// Kills the process at once, as a power cut would.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to stop, as an operator would, and gives its exit code.
    pub(crate) fn stop(mut self) -> Option<i32> {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // It may have ended already; then there is nothing to kill.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}
