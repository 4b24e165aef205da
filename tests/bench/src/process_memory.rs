//! Peak resident memory of a process and of its descendants, from `/proc`. Linux only; elsewhere all is 0.
//! A child's peak is seen while it lives, so it is sampled; a process shorter than the interval can be missed.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

const SAMPLE_INTERVAL: Duration = Duration::from_millis(10);

/// The largest resident sizes seen, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct PeakMemory {
    /// Of the process itself.
    pub(crate) process: u64,
    /// Of its largest descendant.
    pub(crate) largest_child: u64,
}

/// Watches a process until it is asked for the result.
#[derive(Debug)]
pub(crate) struct MemoryWatch {
    stop: Arc<AtomicBool>,
    sampler: JoinHandle<PeakMemory>,
}

impl MemoryWatch {
    pub(crate) fn start(process_id: u32) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let sampler = std::thread::spawn(move || {
            let mut peak = PeakMemory::default();
            while !stopped.load(Ordering::Relaxed) {
                sample(process_id, &mut peak);
                std::thread::sleep(SAMPLE_INTERVAL);
            }
            peak
        });
        Self { stop, sampler }
    }

    pub(crate) fn finish(self) -> PeakMemory {
        self.stop.store(true, Ordering::Relaxed);
        self.sampler.join().unwrap_or_default()
    }
}

fn sample(process_id: u32, peak: &mut PeakMemory) {
    peak.process = peak.process.max(peak_bytes(process_id));
    for child in descendants(process_id) {
        peak.largest_child = peak.largest_child.max(peak_bytes(child));
    }
}

/// `VmHWM` of a process; 0 if it is gone.
fn peak_bytes(process_id: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process_id}/status")).unwrap_or_default();
    let field = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes = field.and_then(|value| value.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kibibytes.unwrap_or(0) * 1024
}

fn descendants(process_id: u32) -> Vec<u32> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        if let Some(child) = entry.file_name().to_str().and_then(|name| name.parse().ok())
            && let Some(parent) = parent_of(&entry.path())
        {
            children.entry(parent).or_default().push(child);
        }
    }
    let mut found = Vec::new();
    let mut open = vec![process_id];
    while let Some(parent) = open.pop() {
        let next = children.remove(&parent).unwrap_or_default();
        found.extend(&next);
        open.extend(next);
    }
    found
}

/// The parent's id, the second field after the command's name in parentheses.
fn parent_of(process: &Path) -> Option<u32> {
    let stat = std::fs::read_to_string(process.join("stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn sees_itself_and_its_children() {
        let mut child = std::process::Command::new("sleep").arg("5").spawn().unwrap();
        let mut peak = PeakMemory::default();
        sample(std::process::id(), &mut peak);
        let is_found = descendants(std::process::id()).contains(&child.id());
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(is_found && peak.process > 0);
    }
}
