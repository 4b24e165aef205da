//! The functions' packages: the binaries as cargo builds them, without debug information, one zip each.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};
use serde_json::Value;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// Builds the functions, in the profile of this test, and puts a zip of each into the folder; gives their names. Nothing is
/// compiled that is up to date; cargo holds no lock while tests run.
pub(crate) fn pack(folder: &Path) -> anyhow::Result<Vec<String>> {
    let built = build()?;
    ensure!(!built.is_empty(), "cargo built no functions");
    for (function, binary) in &built {
        let stripped = folder.join(function);
        strip(binary, &stripped)?;
        zip(&stripped, &folder.join(format!("{function}.zip")))?;
    }
    Ok(built.into_iter().map(|(function, _)| function).collect())
}

/// The functions by name, each with its binary.
fn build() -> anyhow::Result<Vec<(String, PathBuf)>> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/build-functions.sh");
    let mut build = Command::new(script);
    build.env("CARGO", env!("CARGO")).arg("--message-format=json-render-diagnostics");
    if !cfg!(debug_assertions) {
        build.arg("--release");
    }
    let output = build.output().context("run scripts/build-functions.sh")?;
    ensure!(output.status.success(), "build the functions: {}", String::from_utf8_lossy(&output.stderr));
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
