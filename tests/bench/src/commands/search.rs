//! How long a search takes, embedding of the query included, over small and large collections. The index is filled
//! with made-up vectors first; searching is done by the real model.

use std::time::{Duration, Instant};

use anyhow::Result;
use clap::Args;

use crate::client::{Client, Search};
use crate::command_line::Setup;
use crate::generated_text::TextGenerator;
use crate::latencies::Latencies;
use crate::report::{Table, milliseconds, note, times};
use crate::synthetic_index::{FLAG, fill};

const COLLECTION: &str = "search";
const LIMIT: u32 = 10;
const WARM_UP_SEARCHES: usize = 20;

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Sizes of the collection in chunks.
    #[arg(long, value_delimiter = ',', default_values_t = [10_000, 100_000])]
    chunks: Vec<u64>,
    /// Searches at each size, one at a time, no two alike.
    #[arg(long, default_value_t = 500)]
    searches: usize,
}

pub(crate) async fn run(setup: &Setup, options: &Options) -> Result<()> {
    let binary = setup.binary()?;
    let python = setup.python().await?;
    let columns = [
        "chunks",
        "p50",
        "p99",
        "max",
        "p50 against the smallest",
        "Python p50",
        "Python p99",
        "p99: Python / Millrace",
    ];
    let mut table = Table::new("Search: one at a time, over HTTP", &columns);
    let mut smallest: Option<Duration> = None;
    for chunks in &options.chunks {
        let server = binary.start_with(&[FLAG]).await?;
        let filled = fill(&server.client, COLLECTION, *chunks, 3).await?.chunks;
        let server = server.restart_with(&[]).await?;
        let latencies = measure(&server.client, options.searches).await?;
        drop(server);
        let (p50, p99) = (latencies.percentile(0.5), latencies.percentile(0.99));
        let base = *smallest.get_or_insert(p50);
        let mut row = vec![
            filled.to_string(),
            milliseconds(p50),
            milliseconds(p99),
            milliseconds(latencies.max()),
            times(p50.as_secs_f64(), base.as_secs_f64()),
        ];
        match &python {
            Some(python) => {
                let theirs = python.search(filled, options.searches).await?.search_ms;
                let ratio = times(theirs.p99, p99.as_secs_f64() * 1000.0);
                row.extend([format!("{:.1} ms", theirs.p50), format!("{:.1} ms", theirs.p99), ratio]);
            }
            None => row.extend(["-", "-", "-"].map(str::to_owned)),
        }
        table.row(row);
    }
    table.print();
    Ok(())
}

async fn measure(client: &Client, searches: usize) -> Result<Latencies> {
    note(&format!("{searches} searches"));
    let mut generator = TextGenerator::new(4);
    let mut durations = Vec::with_capacity(searches);
    for number in 0..WARM_UP_SEARCHES + searches {
        let query = generator.query();
        let search =
            Search { query: &query, collection: COLLECTION, limit: LIMIT, hits_per_document_max: None };
        let begun = Instant::now();
        client.search(&search).await?;
        if number >= WARM_UP_SEARCHES {
            durations.push(begun.elapsed());
        }
    }
    Ok(durations.into_iter().collect())
}
