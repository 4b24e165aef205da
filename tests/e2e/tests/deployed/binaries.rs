//! The functions' packages: the binaries as cargo builds them, without debug information, one zip each.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};
use serde_json::Value;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// The functions that are deployed, by the names of their folders.
pub(crate) const FUNCTIONS: [&str; 8] = [
    "api",
    "authorizer",
    "chunk-worker",
    "embed-worker",
    "event-relay",
    "projector",
    "sweeper",
    "upload-completer",
];

/// Builds the functions, in the profile of this test, and puts a zip of each into the folder. Nothing is compiled that is up
/// to date; cargo holds no lock while tests run.
pub(crate) fn pack(folder: &Path) -> anyhow::Result<()> {
    let built = build()?;
    for function in FUNCTIONS {
        let (_, binary) = built
            .iter()
            .find(|(name, _)| name == function)
            .with_context(|| format!("cargo built no binary {function}"))?;
        let stripped = folder.join(function);
        strip(binary, &stripped)?;
        zip(&stripped, &folder.join(format!("{function}.zip")))?;
    }
    Ok(())
}

fn build() -> anyhow::Result<Vec<(String, PathBuf)>> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--locked", "--bins", "--message-format=json-render-diagnostics"]);
    if !cfg!(debug_assertions) {
        cargo.arg("--release");
    }
    for function in FUNCTIONS {
        cargo.arg("--package").arg(format!("millrace-{function}"));
    }
    let output = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).output().context("run cargo")?;
    ensure!(output.status.success(), "cargo build: {}", String::from_utf8_lossy(&output.stderr));
    let messages = String::from_utf8(output.stdout).context("read cargo's messages")?;
    let executable = |line: &str| {
        let message: Value = serde_json::from_str(line).ok()?;
        let name = message["target"]["name"].as_str()?.to_owned();
        Some((name, PathBuf::from(message["executable"].as_str()?)))
    };
    Ok(messages.lines().filter_map(executable).collect())
}

/// Leaves out what only a debugger needs: most of the binary, and all of it would be copied three times.
fn strip(from: &Path, to: &Path) -> anyhow::Result<()> {
    let stripped = Command::new("strip").arg("-o").arg(to).arg(from).status().context("run strip")?;
    ensure!(stripped.success(), "strip {}", from.display());
    Ok(())
}

fn zip(binary: &Path, to: &Path) -> anyhow::Result<()> {
    // Not compressed: it goes to the same machine.
    let options =
        SimpleFileOptions::default().compression_method(CompressionMethod::Stored).unix_permissions(0o755);
    let mut writer = ZipWriter::new(File::create(to).context("create a zip")?);
    writer.start_file("bootstrap", options)?;
    writer.write_all(&std::fs::read(binary).context("read a stripped binary")?)?;
    writer.finish()?;
    Ok(())
}
