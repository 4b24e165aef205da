//! The extraction child of these tests: the real one, which tells beside its result how much memory it took. A child
//! that crashes or is killed tells nothing; its limits are the kernel's to hold.

use std::ffi::OsString;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::ExitCode;

use bytes::Bytes;
use futures::StreamExt as _;
use millrace_extraction::{ChildCommand, ProcessTextExtractor, run_extraction_child};
use millrace_ports::{
    ByteStream, ExtractedText, ExtractionError, ExtractionHints, ExtractionLimits, TextExtractor as _,
};
use tempfile::TempDir;

/// The first argument of a child; the second names the socket it reports to.
const MEASURED_CHILD_ARG: &str = "__measured-child";
const REPORT_BYTES_MAX: usize = 64;
const PIECE_BYTES: usize = 64 << 10;

/// Runs this process as a child if it was started as one. Call it first thing in `main`.
#[must_use]
pub fn run_if_child() -> Option<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next()? != MEASURED_CHILD_ARG {
        return None;
    }
    let ended = run_extraction_child();
    if let (Some(socket), Some(peak_kib)) = (arguments.next(), peak_resident_kib())
        && let Ok(sender) = UnixDatagram::unbound()
    {
        // Without a report the input counts as unmeasured.
        let _sent = sender.send_to(peak_kib.as_bytes(), PathBuf::from(socket));
    }
    Some(ended)
}

fn peak_resident_kib() -> Option<String> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.split_whitespace().next()?.to_owned())
}

/// What became of one document.
#[derive(Debug)]
pub struct Ended {
    /// What the extractor answered.
    pub result: Result<ExtractedText, ExtractionError>,
    /// The most memory the child had resident at a time, if it lived to say so.
    pub peak_bytes: Option<u64>,
}

/// The extractor over measured children. One document at a time.
#[derive(Debug)]
pub struct MeasuredExtractor {
    extractor: ProcessTextExtractor,
    reports: UnixDatagram,
    _folder: TempDir,
}

impl MeasuredExtractor {
    /// An extractor whose children are this program.
    ///
    /// # Errors
    /// If the socket for the reports cannot be made.
    pub fn new(limits: ExtractionLimits) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let socket = folder.path().join("reports");
        let reports = UnixDatagram::bind(&socket)?;
        reports.set_nonblocking(true)?;
        let arguments = vec![OsString::from(MEASURED_CHILD_ARG), socket.into_os_string()];
        let command = ChildCommand { program: PathBuf::from("/proc/self/exe"), arguments };
        let extractor = ProcessTextExtractor::with_command(command, limits);
        Ok(Self { extractor, reports, _folder: folder })
    }

    /// Extracts one document.
    pub async fn extract(&self, bytes: Vec<u8>, hints: &ExtractionHints) -> Ended {
        let result = self.extractor.extract(stream(bytes), hints).await;
        let mut report = [0; REPORT_BYTES_MAX];
        let peak_bytes = self.reports.recv(&mut report).ok().and_then(|count| {
            let kib: u64 = std::str::from_utf8(&report[..count]).ok()?.parse().ok()?;
            Some(kib << 10)
        });
        Ended { result, peak_bytes }
    }
}

fn stream(bytes: Vec<u8>) -> ByteStream {
    let bytes = Bytes::from(bytes);
    let pieces = (0..bytes.len())
        .step_by(PIECE_BYTES)
        .map(|at| Ok(bytes.slice(at..bytes.len().min(at + PIECE_BYTES))))
        .collect::<Vec<_>>();
    futures::stream::iter(pieces).boxed()
}
