//! Whether ingesting slows down as the index grows: the rate of the same documents into a small and a large
//! collection. Vectors come from a stand-in service, or the model would hide what the index costs.

use anyhow::Result;
use clap::Args;

use crate::bulk_upload::upload_chunks;
use crate::command_line::Setup;
use crate::processor_time::ProcessorTime;
use crate::report::{Table, note, times};
use crate::stand_in_embedder::StandInEmbedder;

const COLLECTION: &str = "ingest-scale";

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Sizes of the collection in chunks at which the rate is taken.
    #[arg(long, value_delimiter = ',', default_values_t = [0, 50_000, 100_000])]
    chunks: Vec<u64>,
    /// Chunks ingested to take the rate.
    #[arg(long, default_value_t = 10_000)]
    sample: u64,
}

pub(crate) async fn run(setup: &Setup, options: &Options) -> Result<()> {
    let embedder = StandInEmbedder::start().await?;
    let arguments = embedder.arguments();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let server = setup.binary()?.start_with(&arguments).await?;
    let columns = [
        "chunks in the index",
        "chunks ingested",
        "chunks/s",
        "against the smallest index",
        "processor time a chunk",
        "against the smallest index",
    ];
    let mut table = Table::new("Ingest rate by size of the index (vectors of a stand-in)", &columns);
    // What the first documents cost once is not part of the rate.
    let mut present = upload_chunks(&server.client, COLLECTION, 1, 9).await?.chunks;
    let mut base = None;
    for (seed, chunks) in (10_u64..).step_by(2).zip(&options.chunks) {
        if present < *chunks {
            present += upload_chunks(&server.client, COLLECTION, chunks - present, seed).await?.chunks;
        }
        server.wait_until_idle().await;
        let before = ProcessorTime::of(server.process_id());
        let sample = upload_chunks(&server.client, COLLECTION, options.sample, seed + 1).await?;
        let spent = ProcessorTime::of(server.process_id()).since(&before);
        let (rate, each) = (sample.chunks_per_second(), spent.total().as_secs_f64() / sample.chunks as f64);
        let (base_rate, base_each) = *base.get_or_insert((rate, each));
        table.row([
            present.to_string(),
            sample.chunks.to_string(),
            format!("{rate:.0}"),
            times(rate, base_rate),
            format!("{:.2} ms", each * 1000.0),
            times(each, base_each),
        ]);
        for (threads, time) in spent.by_size().into_iter().take(6) {
            note(&format!("{present} chunks: {threads} {:.2} s", time.as_secs_f64()));
        }
        present += sample.chunks;
    }
    table.print();
    Ok(())
}
