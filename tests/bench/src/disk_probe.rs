//! What the disk takes for the least that can make an upload durable: one small new file, synced with its folder. It
//! runs beside a measurement, so that a stall which other programs cause is seen as what it is.

use std::fs::File;
use std::io::{self, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use tempfile::TempDir;

use crate::latencies::Latencies;

const PAUSE: Duration = Duration::from_millis(20);
const CONTENT: [u8; 1000] = [b'x'; 1000];

/// Writes files until it is asked for the result; in the folder for temporary files, as the server under measurement.
#[derive(Debug)]
pub(crate) struct DiskProbe {
    stop: Arc<AtomicBool>,
    writer: JoinHandle<io::Result<Latencies>>,
}

impl DiskProbe {
    pub(crate) fn start() -> Result<Self> {
        let folder = tempfile::tempdir().context("make a folder for the disk probe")?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        Ok(Self { stop, writer: std::thread::spawn(move || write_until(&stopped, &folder)) })
    }

    pub(crate) fn finish(self) -> Result<Latencies> {
        self.stop.store(true, Ordering::Relaxed);
        let latencies = self.writer.join().map_err(|_| anyhow::anyhow!("the disk probe panicked"))?;
        latencies.context("write for the disk probe")
    }
}

fn write_until(stopped: &AtomicBool, folder: &TempDir) -> io::Result<Latencies> {
    let mut durations = Vec::new();
    while !stopped.load(Ordering::Relaxed) {
        let begun = Instant::now();
        let mut file = File::create(folder.path().join(durations.len().to_string()))?;
        file.write_all(&CONTENT)?;
        file.sync_all()?;
        File::open(folder.path())?.sync_all()?;
        durations.push(begun.elapsed());
        std::thread::sleep(PAUSE);
    }
    Ok(durations.into_iter().collect())
}
