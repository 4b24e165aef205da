//! AWS as the functions under measurement find it: the emulator with the template's resources behind TLS, S3 Vectors in this
//! process, and the variables of infra/local.env that say so.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use millrace_emulator::Emulator;
use millrace_s3_vectors_stand_in::StandIn;
use tempfile::TempDir;
use tokio::process::Command;

use super::TlsFront;

/// Where infra/local.env believes the emulator to be.
const LOCAL_ENDPOINT: &str = "http://127.0.0.1:4566";
const VECTOR_BUCKET: &str = "millrace-vectors";

/// A running cloud; it ends when dropped.
#[derive(Debug)]
pub(crate) struct Cloud {
    /// What functions connect to.
    pub(crate) front: TlsFront,
    vectors: StandIn,
    folder: TempDir,
    _emulator: Emulator,
}

impl Cloud {
    /// Starts everything and makes the resources.
    pub(crate) async fn start() -> Result<Self> {
        let emulator = Emulator::start(false)?;
        let folder = tempfile::tempdir().context("make a folder for certificates")?;
        let script = Command::new(workspace().join("target/tools/emulator/bin/python"))
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("python/cold_start_resources.py"))
            .args(["--endpoint", emulator.endpoint(), "--folder"])
            .arg(folder.path())
            .status()
            .await
            .context("make the resources in the emulator")?;
        ensure!(script.success(), "the resources could not be made: {script}");
        let address = emulator.endpoint().trim_start_matches("http://");
        let address: SocketAddr = address.parse().context("read the emulator's address")?;
        let front = TlsFront::start(address, folder.path()).await?;
        let vectors = StandIn::start(&[VECTOR_BUCKET]).await?;
        Ok(Self { front, vectors, folder, _emulator: emulator })
    }

    /// What a function finds in its environment about resources and how to reach them.
    pub(crate) fn variables(&self) -> Result<BTreeMap<String, String>> {
        let file = workspace().join("infra/local.env");
        let text = std::fs::read_to_string(&file).with_context(|| format!("read {}", file.display()))?;
        let text = text.replace(LOCAL_ENDPOINT, &self.front.endpoint());
        let pairs =
            text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('='));
        let mut variables: BTreeMap<_, _> =
            pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        variables.insert("AWS_ENDPOINT_URL_S3VECTORS".to_owned(), self.vectors.endpoint().to_owned());
        let trusted = self.folder.path().join("trusted.pem");
        variables.insert("SSL_CERT_FILE".to_owned(), trusted.to_string_lossy().into_owned());
        Ok(variables)
    }
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
