//! Whether ingesting slows down as the index grows: the rate of the same documents into a small and a large
//! collection. Vectors are made up, or the model would hide what the index costs.

use anyhow::Result;
use clap::Args;

use crate::command_line::Setup;
use crate::report::{Table, times};
use crate::synthetic_index::{FLAG, fill};

const COLLECTION: &str = "ingest-scale";

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Sizes of the collection in chunks at which the rate is taken.
    #[arg(long, value_delimiter = ',', default_values_t = [10_000, 100_000])]
    chunks: Vec<u64>,
    /// Chunks ingested to take the rate.
    #[arg(long, default_value_t = 10_000)]
    sample: u64,
}

pub(crate) async fn run(setup: &Setup, options: &Options) -> Result<()> {
    let server = setup.binary()?.start_with(&[FLAG]).await?;
    let columns = ["chunks in the index", "chunks ingested", "chunks/s", "rate against the smallest index"];
    let mut table = Table::new("Ingest rate by size of the index (vectors made up)", &columns);
    let mut present = 0;
    let mut base = None;
    for (seed, chunks) in (10_u64..).step_by(2).zip(&options.chunks) {
        if present < *chunks {
            present += fill(&server.client, COLLECTION, chunks - present, seed).await?.chunks;
        }
        let before = present;
        let sample = fill(&server.client, COLLECTION, options.sample, seed + 1).await?;
        present += sample.chunks;
        let rate = sample.chunks_per_second();
        let ratio = times(rate, *base.get_or_insert(rate));
        table.row([before.to_string(), sample.chunks.to_string(), format!("{rate:.0}"), ratio]);
    }
    table.print();
    Ok(())
}
