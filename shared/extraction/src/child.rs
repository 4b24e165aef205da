//! The child process: reads one request and one document, limits itself, parses in a thread with a large
//! stack, writes one result, ends. It deliberately trusts nobody with its standard output: parsers that
//! print reach standard error, which the parent bounds.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read};
use std::process::ExitCode;

use millrace_ports::{ExtractedText, ExtractionError};
use rustix::process::{Resource, Rlimit, setrlimit};

use crate::extract::{extract_owned, input_too_large};
use crate::frame::{Request, read_request, write_result};

/// The first argument by which a program knows that it is to be the extraction child.
pub const EXTRACTION_CHILD_ARG: &str = "__millrace-extraction-child";

const STACK_BYTES: usize = 64 << 20;
const READ_BUFFER_BYTES: usize = 64 << 10;
/// Processor seconds granted beyond the time limit, for a parser that uses every core.
const CPU_SECONDS_SLACK: u64 = 1;

/// Runs this process as the extraction child. Call it first thing in `main` when the first argument is
/// [`EXTRACTION_CHILD_ARG`], before threads are started.
pub fn run_extraction_child() -> ExitCode {
    match serve_one() {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::from(2),
    }
}

fn serve_one() -> io::Result<()> {
    let mut results = BufWriter::new(take_standard_output()?);
    let mut input = BufReader::with_capacity(READ_BUFFER_BYTES, io::stdin());
    let request = read_request(&mut input)?;
    offer_to_be_killed();
    limit_this_process(&request)?;
    let parser =
        std::thread::Builder::new().stack_size(STACK_BYTES).spawn(move || parse(&mut input, &request));
    let result = match parser.map(std::thread::JoinHandle::join) {
        Ok(Ok(result)) => result,
        Ok(Err(_panic)) => Err(ExtractionError::Corrupt("the parser panicked".to_owned())),
        Err(_) => Err(ExtractionError::TooLarge("not enough memory for the parser thread".to_owned())),
    };
    write_result(&mut results, result)
}

fn parse(input: &mut impl Read, request: &Request) -> Result<ExtractedText, ExtractionError> {
    let mut bytes = Vec::new();
    let allowed = request.limits.input_bytes_max;
    input
        .take(allowed.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|error| ExtractionError::Unavailable(format!("the document did not arrive: {error}")))?;
    if bytes.len() as u64 > allowed {
        return Err(input_too_large(allowed));
    }
    extract_owned(bytes, &request.hints, &request.limits)
}

/// Keeps the pipe for the result and points standard output to standard error.
fn take_standard_output() -> io::Result<File> {
    let results = rustix::io::dup(io::stdout())?;
    rustix::stdio::dup2_stdout(io::stderr())?;
    Ok(File::from(results))
}

/// When the whole machine runs out of memory, this process is the one to go, before the server that started it and its
/// other documents. A system without such a choice, or that forbids it, kills as it likes.
fn offer_to_be_killed() {
    let _refused = std::fs::write("/proc/self/oom_score_adj", "1000");
}

fn limit_this_process(request: &Request) -> io::Result<()> {
    let limits = &request.limits;
    let cores = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    let cpu_seconds =
        limits.time_ms_max.div_ceil(1000).saturating_mul(cores).saturating_add(CPU_SECONDS_SLACK);
    lower(Resource::As, limits.memory_bytes_max, 0)?;
    // At the hard limit the system kills, which looks like a want of memory; at the soft one it says what it is.
    lower(Resource::Cpu, cpu_seconds, CPU_SECONDS_SLACK)?;
    lower(Resource::Core, 0, 0)?;
    // A parser has no business writing files.
    lower(Resource::Fsize, 0, 0)
}

/// Sets the soft limit, and the hard one so much above it.
fn lower(resource: Resource, value: u64, above: u64) -> io::Result<()> {
    let hard = rustix::process::getrlimit(resource).maximum;
    let bounded = |value: u64| hard.map_or(value, |hard| hard.min(value));
    let (current, maximum) = (bounded(value), bounded(value.saturating_add(above)));
    Ok(setrlimit(resource, Rlimit { current: Some(current), maximum: Some(maximum) })?)
}
