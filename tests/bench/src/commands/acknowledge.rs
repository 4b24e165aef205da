//! How soon an upload is answered. The load is open-loop: uploads start on a fixed schedule whether or not earlier
//! ones were answered, and latency counts from the scheduled instant, so a stall is seen in full. The alternative
//! is the same document processed before the answer. Client and server share this machine's cores.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use clap::Args;
use tokio::task::JoinSet;

use crate::client::{Client, Upload};
use crate::command_line::Setup;
use crate::disk_probe::DiskProbe;
use crate::generated_text::TextGenerator;
use crate::latencies::Latencies;
use crate::processor_time::ProcessorTime;
use crate::report::{Table, milliseconds, note, times};

const THREADS_SHOWN: usize = 8;
const COLLECTION: &str = "acknowledge";
const READY_TIMEOUT: Duration = Duration::from_secs(120);

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Uploads a second.
    #[arg(long, default_value_t = 200)]
    rate: u32,
    /// Length of the load in seconds.
    #[arg(long, default_value_t = 10)]
    seconds: u32,
    /// Size of each document in bytes.
    #[arg(long, default_value_t = 1000)]
    document_bytes: usize,
    /// How many documents are processed before the answer, for comparison.
    #[arg(long, default_value_t = 20)]
    synchronous: usize,
    /// Uploads on their way at a time when the sustained rate is taken, for half as long.
    #[arg(long, default_value_t = 16)]
    in_flight: usize,
}

pub(crate) async fn run(setup: &Setup, options: &Options) -> Result<()> {
    let server = setup.binary()?.start().await?;
    let mut generator = TextGenerator::new(1);
    let mut next =
        |number: usize| Upload::text(format!("note-{number}.md"), generator.document(options.document_bytes));
    let synchronous = synchronous(&server.client, (0..options.synchronous).map(&mut next)).await?;
    let count = (options.rate * options.seconds) as usize;
    let uploads: Vec<Upload> = (options.synchronous..options.synchronous + count).map(&mut next).collect();
    note(&format!("{count} uploads at {} a second", options.rate));
    let before = ProcessorTime::of(server.process_id());
    let disk = DiskProbe::start()?;
    let load = open_loop(&server.client, uploads, options.rate).await;
    let disk = disk.finish()?;
    let spent = ProcessorTime::of(server.process_id()).since(&before);
    ensure!(load.latencies.len() > 0, "no upload was acknowledged");
    note(&format!("as many as it takes, {} at a time", options.in_flight));
    let sustained = Duration::from_secs(u64::from(options.seconds.div_ceil(2)));
    let closed = closed_loop(&server.client, options, sustained).await?;

    let title = format!("Acknowledge: {} uploads/s of {} bytes", options.rate, options.document_bytes);
    let mut table = Table::new(title, &["way", "uploads", "refused", "p50", "p99", "max", "p99 against 202"]);
    let ours = load.latencies.percentile(0.99);
    table.row(row("202 at once, workers running", &load.latencies, load.refused, ours));
    table.row(row("meanwhile, by this program: one small file synced with its folder", &disk, 0, ours));
    let rate = closed.len() as f64 / sustained.as_secs_f64();
    let unpaced = format!("202 at once, unpaced, {} at a time: {rate:.0} uploads/s", options.in_flight);
    table.row(row(&unpaced, &closed, 0, ours));
    table.row(row("processed before the answer, one at a time", &synchronous, 0, ours));
    if let Some(python) = setup.python().await? {
        let file = tempfile::Builder::new().suffix(".txt").tempfile()?;
        std::fs::write(file.path(), TextGenerator::new(1).document(options.document_bytes))?;
        let total = python.pipeline(file.path()).await?.seconds.total();
        let single: Latencies = [Duration::from_secs_f64(total)].into_iter().collect();
        table.row(row("the Python way, one document", &single, 0, ours));
    }
    table.print();
    processor_table(&spent, count as u32).print();
    Ok(())
}

/// Where the server's processor time went while uploads came at their rate.
fn processor_table(spent: &ProcessorTime, uploads: u32) -> Table {
    let title = "Processor time for each upload, by threads of the server";
    let mut table = Table::new(title, &["threads", "time for each upload", "share"]);
    let total = spent.total().as_secs_f64();
    for (threads, time) in spent.by_size().into_iter().take(THREADS_SHOWN) {
        let share = format!("{:.0} %", 100.0 * time.as_secs_f64() / total.max(f64::MIN_POSITIVE));
        table.row([threads.to_owned(), milliseconds(time / uploads.max(1)), share]);
    }
    table
}

fn row(way: &str, latencies: &Latencies, refused: usize, ours: Duration) -> Vec<String> {
    let p99 = latencies.percentile(0.99);
    vec![
        way.to_owned(),
        latencies.len().to_string(),
        refused.to_string(),
        milliseconds(latencies.percentile(0.5)),
        milliseconds(p99),
        milliseconds(latencies.max()),
        times(p99.as_secs_f64(), ours.as_secs_f64()),
    ]
}

/// From upload to ready, one document after another on an idle server.
async fn synchronous(client: &Client, uploads: impl Iterator<Item = Upload>) -> Result<Latencies> {
    let mut durations = Vec::new();
    for upload in uploads {
        let begun = Instant::now();
        let accepted = client.upload(COLLECTION, &upload).await?;
        client.wait_until(&accepted.document_id, READY_TIMEOUT, |status| status.is_ready()).await?;
        durations.push(begun.elapsed());
    }
    Ok(durations.into_iter().collect())
}

#[derive(Debug)]
struct Load {
    latencies: Latencies,
    /// Uploads that were not acknowledged.
    refused: usize,
}

async fn open_loop(client: &Client, uploads: Vec<Upload>, rate: u32) -> Load {
    let begun = tokio::time::Instant::now();
    let mut requests = JoinSet::new();
    for (number, upload) in (0_u32..).zip(uploads) {
        let scheduled = begun + Duration::from_secs(1) * number / rate.max(1);
        tokio::time::sleep_until(scheduled).await;
        let client = client.clone();
        requests.spawn(async move {
            let answer = client.upload(COLLECTION, &upload).await;
            answer.map(|_| scheduled.elapsed())
        });
    }
    let mut refused = 0;
    let mut durations = Vec::new();
    for answer in requests.join_all().await {
        match answer {
            Ok(duration) => durations.push(duration),
            Err(error) => {
                if refused == 0 {
                    note(&format!("an upload was refused: {error:#}"));
                }
                refused += 1;
            }
        }
    }
    Load { latencies: durations.into_iter().collect(), refused }
}

/// So many uploads on their way at any time, until the time is over.
async fn closed_loop(client: &Client, options: &Options, length: Duration) -> Result<Latencies> {
    let end = Instant::now() + length;
    let mut uploaders = JoinSet::new();
    for uploader in 0..options.in_flight {
        let (client, bytes) = (client.clone(), options.document_bytes);
        uploaders.spawn(async move {
            let mut generator = TextGenerator::new(1000 + uploader as u64);
            let mut durations = Vec::new();
            while Instant::now() < end {
                let name = format!("unpaced-{uploader}-{}.md", durations.len());
                let upload = Upload::text(name, generator.document(bytes));
                let begun = Instant::now();
                client.upload(COLLECTION, &upload).await?;
                durations.push(begun.elapsed());
            }
            anyhow::Ok(durations)
        });
    }
    let mut all = Vec::new();
    for durations in uploaders.join_all().await {
        all.extend(durations?);
    }
    Ok(all.into_iter().collect())
}
