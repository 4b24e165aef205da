//! How soon a deployed function is ready and how long its first invocation takes, with connections that were opened while it
//! started and with none, beside the smallest function there can be. And how large each is when uploaded.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use clap::Args;

use crate::lambda::{Cloud, FunctionBinary, PackageSize, SampleEvents, StartedFunction};
use crate::latencies::Latencies;
use crate::report::{Table, milliseconds, note, times};

/// Budgets of the design.
const FIRST_POLL_BUDGET: Duration = Duration::from_millis(30);
const MEGABYTE: u64 = 1_000_000;
const PACKAGE_BUDGET: u64 = 8 * MEGABYTE;
const PACKAGE_BUDGET_WITH_MODEL: u64 = 40 * MEGABYTE;
/// Later invocations of one start; the last one is taken.
const LATER_INVOCATIONS: usize = 2;

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// How often each function is started for each figure.
    #[arg(long, default_value_t = 20)]
    starts: usize,
    /// The folder with the functions; without it, that of this program.
    #[arg(long)]
    functions: Option<PathBuf>,
    /// Sizes only.
    #[arg(long)]
    sizes_only: bool,
}

/// A function and what it is invoked with.
struct Deployed {
    name: &'static str,
    sample: &'static str,
    carries_model: bool,
}

const fn deployed(name: &'static str, sample: &'static str) -> Deployed {
    Deployed { name, sample, carries_model: false }
}

const fn with_model(name: &'static str, sample: &'static str) -> Deployed {
    Deployed { name, sample, carries_model: true }
}

/// The smallest one first, since the others are compared with it; then in the order in which a document passes through them.
const FUNCTIONS: [Deployed; 9] = [
    deployed("hello-function", "sweeper/schedule.json"),
    with_model("api", "api/upload_text.json"),
    deployed("authorizer", "authorizer/known_key.json"),
    deployed("chunk-worker", "chunk-worker/ordinary.json"),
    with_model("embed-worker", "embed-worker/ordinary.json"),
    deployed("event-relay", "event-relay/new_events.json"),
    deployed("projector", "projector/ordinary.json"),
    deployed("sweeper", "sweeper/purge_document.json"),
    deployed("upload-completer", "upload-completer/ordinary.json"),
];

pub(crate) async fn run(options: &Options) -> Result<()> {
    ensure!(options.starts > 0, "nothing can be said of no start");
    let binaries = binaries(options)?;
    print_sizes(&binaries)?;
    if options.sizes_only {
        return Ok(());
    }
    let cloud = Cloud::start().await?;
    let variables = cloud.variables()?;
    let mut measured = Vec::new();
    let mut documents = Vec::new();
    for (function, binary) in FUNCTIONS.iter().zip(&binaries) {
        note(&format!("starting {} {} times", function.name, 2 * options.starts));
        let events = SampleEvents::of(function.sample, &documents)?;
        let starts = measure(&cloud, binary, &variables, events, options.starts).await;
        let starts = starts.with_context(|| format!("measure {}", function.name))?;
        if function.name == "api" {
            let answers = starts.iter().flat_map(|start| &start.answers);
            documents = answers.map(|answer| SampleEvents::accepted(answer)).collect::<Result<_>>()?;
        }
        measured.push((function, starts));
    }
    print_starts(&measured);
    print_first_invocations(&measured);
    Ok(())
}

fn binaries(options: &Options) -> Result<Vec<FunctionBinary>> {
    let own = std::env::current_exe().context("find the folder of this program")?;
    let folder = match &options.functions {
        Some(folder) => folder.as_path(),
        None => own.parent().unwrap_or(Path::new(".")),
    };
    FUNCTIONS.iter().map(|function| FunctionBinary::find(folder, function.name)).collect()
}

/// What one start showed.
struct Start {
    to_first_poll: Duration,
    /// Of these, the wait for connections.
    warm_up: Duration,
    start_processor_time: Duration,
    /// The first invocation had to open its connections again.
    with_closed_connections: bool,
    first: Duration,
    first_processor_time: Duration,
    later: Duration,
    answers: Vec<Bytes>,
}

/// As many starts of each kind, in turn, after one that reads the file from the disk and does not count.
async fn measure(
    cloud: &Cloud,
    binary: &FunctionBinary,
    variables: &BTreeMap<String, String>,
    mut events: SampleEvents,
    starts: usize,
) -> Result<Vec<Start>> {
    let mut all = Vec::new();
    for number in 0..=2 * starts {
        let started = binary.start(variables).await?;
        all.push(measure_start(cloud, started, &mut events, number % 2 == 1).await?);
    }
    Ok(all)
}

async fn measure_start(
    cloud: &Cloud,
    started: StartedFunction,
    events: &mut SampleEvents,
    with_closed_connections: bool,
) -> Result<Start> {
    let StartedFunction { to_first_poll, mut running } = started;
    let start_processor_time = running.processor_time();
    if with_closed_connections {
        cloud.front.close_connections().await?;
    }
    let first = running.invoke(events.next()).await?;
    let mut later = first.elapsed;
    let mut answers = vec![first.answer];
    for _ in 0..LATER_INVOCATIONS {
        let invocation = running.invoke(events.next()).await?;
        later = invocation.elapsed;
        answers.push(invocation.answer);
    }
    Ok(Start {
        to_first_poll,
        warm_up: running.time_to_warm_up().unwrap_or_default(),
        start_processor_time,
        with_closed_connections,
        first: first.elapsed,
        first_processor_time: first.processor_time,
        later,
        answers,
    })
}

/// Those that count.
fn counted(starts: &[Start]) -> impl Iterator<Item = &Start> {
    starts.iter().skip(1)
}

fn of(starts: &[Start], figure: impl Fn(&Start) -> Duration) -> Latencies {
    counted(starts).map(figure).collect()
}

fn p50_and_p90(latencies: &Latencies) -> String {
    format!("{} / {}", milliseconds(latencies.percentile(0.5)), milliseconds(latencies.percentile(0.9)))
}

fn ratio(ours: &Latencies, theirs: &Latencies) -> String {
    times(ours.percentile(0.5).as_secs_f64(), theirs.percentile(0.5).as_secs_f64())
}

fn print_starts(measured: &[(&Deployed, Vec<Start>)]) {
    let columns = [
        "function",
        "start to first poll, p50 / p90",
        "against the smallest function",
        "of these opening connections",
        "without them",
        "processor time",
        "budget 30 ms",
        "budget without connections",
    ];
    let mut table = Table::new("Start to first poll", &columns);
    let smallest = of(&measured[0].1, |start| start.to_first_poll);
    for (function, starts) in measured {
        let to_first_poll = of(starts, |start| start.to_first_poll);
        let alone = of(starts, |start| start.to_first_poll.saturating_sub(start.warm_up));
        table.row([
            function.name.to_owned(),
            p50_and_p90(&to_first_poll),
            ratio(&to_first_poll, &smallest),
            p50_and_p90(&of(starts, |start| start.warm_up)),
            p50_and_p90(&alone),
            milliseconds(of(starts, |start| start.start_processor_time).percentile(0.5)),
            met(to_first_poll.percentile(0.5) < FIRST_POLL_BUDGET),
            met(alone.percentile(0.5) < FIRST_POLL_BUDGET),
        ]);
    }
    table.print();
}

fn print_first_invocations(measured: &[(&Deployed, Vec<Start>)]) {
    let columns = [
        "function",
        "connections open, p50 / p90",
        "against the smallest function",
        "connections closed, p50 / p90",
        "closed / open",
        "processor time, open / closed",
        "third invocation",
    ];
    let mut table = Table::new("First invocation", &columns);
    let split = |starts: &[Start], closed: bool, figure: fn(&Start) -> Duration| -> Latencies {
        counted(starts).filter(|start| start.with_closed_connections == closed).map(figure).collect()
    };
    let smallest = split(&measured[0].1, false, |start| start.first);
    for (function, starts) in measured {
        let open = split(starts, false, |start| start.first);
        let closed = split(starts, true, |start| start.first);
        let processor = |closed| split(starts, closed, |start| start.first_processor_time).percentile(0.5);
        table.row([
            format!("{} ({})", function.name, function.sample.rsplit('/').next().unwrap_or_default()),
            p50_and_p90(&open),
            ratio(&open, &smallest),
            p50_and_p90(&closed),
            ratio(&closed, &open),
            format!("{} / {}", milliseconds(processor(false)), milliseconds(processor(true))),
            p50_and_p90(&of(starts, |start| start.later)),
        ]);
    }
    table.print();
}

fn print_sizes(binaries: &[FunctionBinary]) -> Result<()> {
    let columns = ["function", "executable", "zipped", "against the smallest function", "budget", "met"];
    let mut table = Table::new("Size", &columns);
    let mut smallest = None;
    for (function, binary) in FUNCTIONS.iter().zip(binaries) {
        let size = PackageSize::of(&binary.path)?;
        let base = *smallest.get_or_insert(size.zipped);
        let budget = if function.carries_model { PACKAGE_BUDGET_WITH_MODEL } else { PACKAGE_BUDGET };
        table.row([
            function.name.to_owned(),
            megabytes(size.executable),
            megabytes(size.zipped),
            times(size.zipped as f64, base as f64),
            format!("{} MB", budget / MEGABYTE),
            met(size.zipped < budget),
        ]);
    }
    table.print();
    Ok(())
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / MEGABYTE as f64)
}

fn met(is_met: bool) -> String {
    if is_met { "yes" } else { "no" }.to_owned()
}
