//! How long a search takes over HTTP, embedding of the query by the real model included, over small and large
//! collections, against SQLite's full-text search over the same texts, and on request the Python way.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use clap::Args;

use crate::client::{Client, Search};
use crate::command_line::Setup;
use crate::filled_folder;
use crate::latencies::Latencies;
use crate::processor_time::ProcessorTime;
use crate::report::{Table, milliseconds, note, times};
use crate::server::ServerFolder;
use crate::sqlite_way::SqliteWay;

const COLLECTION: &str = "search";
const LIMIT: u32 = 10;
const WARM_UP_SEARCHES: usize = 20;

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Sizes of the collection in chunks.
    #[arg(long, value_delimiter = ',', default_values_t = [10_000, 100_000])]
    chunks: Vec<u32>,
    /// Searches at each size, one at a time, no two alike.
    #[arg(long, default_value_t = 500)]
    searches: usize,
}

pub(crate) async fn run(setup: &Setup, options: &Options) -> Result<()> {
    let binary = setup.binary()?;
    let python = setup.python().await?;
    let columns = ["chunks", "way", "p50", "p99", "max", "processor time each", "p50: this / Millrace"];
    let mut table = Table::new("Search: one at a time", &columns);
    let questions = filled_folder::questions(WARM_UP_SEARCHES + options.searches);
    for chunks in &options.chunks {
        note(&format!("filling a data folder with {chunks} chunks"));
        let folder = ServerFolder::new()?;
        let texts = filled_folder::fill(&folder.data(), COLLECTION, *chunks).await?;
        let server = binary.start_in(folder).await?;
        server.wait_until_idle().await;
        note(&format!("{} searches", options.searches));
        let warm_up = measure(&server.client, &questions[..WARM_UP_SEARCHES]).await?;
        let before = ProcessorTime::of(server.process_id());
        let ours = measure(&server.client, &questions[WARM_UP_SEARCHES..]).await?;
        let spent = ProcessorTime::of(server.process_id()).since(&before).total() / ours.len().max(1) as u32;
        note(&format!("the first search took {}", milliseconds(warm_up.max())));
        drop(server);
        let p50 = ours.percentile(0.5);
        table.row(row(*chunks, "Millrace: words and meaning, over HTTP", &ours, &milliseconds(spent), p50));
        note("indexing the SQLite way");
        let sqlite = SqliteWay::index(&texts)?.search(&questions, LIMIT, WARM_UP_SEARCHES)?;
        table.row(row(*chunks, "SQLite FTS5: words, in process", &sqlite, "-", p50));
        if let Some(python) = &python {
            let theirs = python.search(u64::from(*chunks), options.searches).await?.search_ms;
            table.row([
                chunks.to_string(),
                "the Python way: meaning, in process".to_owned(),
                format!("{:.1} ms", theirs.p50),
                format!("{:.1} ms", theirs.p99),
                "-".to_owned(),
                "-".to_owned(),
                times(theirs.p50, p50.as_secs_f64() * 1000.0),
            ]);
        }
    }
    table.print();
    Ok(())
}

fn row(chunks: u32, way: &str, latencies: &Latencies, spent: &str, ours: Duration) -> Vec<String> {
    let p50 = latencies.percentile(0.5);
    vec![
        chunks.to_string(),
        way.to_owned(),
        milliseconds(p50),
        milliseconds(latencies.percentile(0.99)),
        milliseconds(latencies.max()),
        spent.to_owned(),
        times(p50.as_secs_f64(), ours.as_secs_f64()),
    ]
}

async fn measure(client: &Client, questions: &[String]) -> Result<Latencies> {
    let mut durations = Vec::with_capacity(questions.len());
    for query in questions {
        let search = Search { query, collection: COLLECTION, limit: LIMIT, hits_per_document_max: None };
        let begun = Instant::now();
        let answer = client.search(&search).await?;
        durations.push(begun.elapsed());
        ensure!(
            answer.by_meaning && answer.hits.len() == LIMIT as usize,
            "a search found less than there is"
        );
    }
    Ok(durations.into_iter().collect())
}
