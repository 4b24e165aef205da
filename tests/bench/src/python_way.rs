//! Runs `python/baseline.py`, the usual Python way, in its own virtual environment. It does not interpret results
//! beyond reading them.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::process::Command;

use crate::report::note;

/// The interpreter with everything installed.
#[derive(Debug)]
pub(crate) struct PythonWay {
    interpreter: PathBuf,
}

/// One document's way through the Python libraries.
#[derive(Debug, Deserialize)]
pub(crate) struct PythonPipeline {
    pub(crate) text_bytes: u64,
    pub(crate) chunks: u64,
    pub(crate) seconds: PythonSeconds,
    pub(crate) chunks_per_second: f64,
}

/// Seconds by stage; loading the model is not among them.
#[derive(Debug, Deserialize)]
pub(crate) struct PythonSeconds {
    pub(crate) extract: f64,
    pub(crate) chunk: f64,
    pub(crate) embed: f64,
    pub(crate) index: f64,
}

#[derive(Debug, Deserialize)]
struct PythonSplit {
    seconds: PythonSplitSeconds,
}

#[derive(Debug, Deserialize)]
struct PythonSplitSeconds {
    chunk: f64,
}

impl PythonSeconds {
    /// Everything but embedding, which is all that a search by words would need.
    pub(crate) fn before_embedding(&self) -> f64 {
        self.extract + self.chunk + self.index
    }

    pub(crate) fn total(&self) -> f64 {
        self.before_embedding() + self.embed
    }
}

/// Brute-force search over random vectors.
#[derive(Debug, Deserialize)]
pub(crate) struct PythonSearch {
    pub(crate) search_ms: PythonPercentiles,
}

/// Percentiles in milliseconds.
#[derive(Debug, Deserialize)]
pub(crate) struct PythonPercentiles {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
}

/// Retrieval quality of vectors alone.
#[derive(Debug, Deserialize)]
pub(crate) struct PythonQuality {
    pub(crate) ndcg_at_10: f64,
    pub(crate) recall_at_100: f64,
}

impl PythonWay {
    /// Makes the virtual environment if need be, which downloads gigabytes the first time.
    pub(crate) async fn prepare() -> Result<Self> {
        note("preparing the Python way");
        let script = folder().join("setup.sh");
        let output =
            Command::new(&script).output().await.with_context(|| format!("run {}", script.display()))?;
        ensure!(output.status.success(), "setup.sh failed: {}", String::from_utf8_lossy(&output.stderr));
        let printed = String::from_utf8(output.stdout).context("setup.sh prints a path")?;
        Ok(Self { interpreter: PathBuf::from(printed.trim()) })
    }

    pub(crate) async fn pipeline(&self, document: &Path) -> Result<PythonPipeline> {
        note("running the Python way");
        self.run([document.as_os_str()]).await
    }

    pub(crate) async fn search(&self, chunks: u64, searches: usize) -> Result<PythonSearch> {
        note("searching the Python way");
        let (chunks, searches) = (chunks.to_string(), searches.to_string());
        self.run(["--synthetic-chunks", &chunks, "--searches", &searches].map(OsStr::new)).await
    }

    pub(crate) async fn quality(&self, collection: &Path) -> Result<PythonQuality> {
        note("judging the Python way");
        self.run([OsStr::new("--beir"), collection.as_os_str()]).await
    }

    /// Time that splitting a text takes.
    pub(crate) async fn splitting(&self, document: &Path) -> Result<Duration> {
        note("splitting the Python way");
        let split: PythonSplit = self.run([OsStr::new("--split-only"), document.as_os_str()]).await?;
        Ok(Duration::from_secs_f64(split.seconds.chunk))
    }

    async fn run<T: DeserializeOwned>(&self, arguments: impl IntoIterator<Item = &OsStr>) -> Result<T> {
        let output = Command::new(&self.interpreter)
            .arg(folder().join("baseline.py"))
            .args(arguments)
            .output()
            .await
            .with_context(|| format!("run {}", self.interpreter.display()))?;
        ensure!(output.status.success(), "baseline.py failed: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).context("baseline.py prints one JSON object")
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("python")
}
