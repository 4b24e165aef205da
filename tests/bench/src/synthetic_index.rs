//! Fills a server's index with many chunks in little time: ordinary documents over ordinary HTTP, to a server that
//! was started with [`FLAG`] and so makes up its vectors instead of running the model.
//!
//! What the hidden flag must do: replace the built-in embedder by one that derives a unit vector from a hash of the
//! text, at no cost worth measuring, under the *same* model id, so that the data serves the real model afterwards.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::client::{Client, Upload};
use crate::generated_text::TextGenerator;
use crate::report::note;

/// Asks the server for made-up vectors.
pub(crate) const FLAG: &str = "--synthetic-embeddings";
/// One document gives a few hundred chunks.
const DOCUMENT_BYTES: usize = 200_000;
/// So many documents are on their way at a time.
const IN_FLIGHT: usize = 4;
const READY_TIMEOUT: Duration = Duration::from_secs(600);

/// How filling went.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Filled {
    pub(crate) chunks: u64,
    pub(crate) elapsed: Duration,
}

impl Filled {
    pub(crate) fn chunks_per_second(&self) -> f64 {
        self.chunks as f64 / self.elapsed.as_secs_f64()
    }
}

/// Adds documents to a collection until they hold at least `chunks` chunks, and waits until all are ready.
pub(crate) async fn fill(client: &Client, collection: &str, chunks: u64, seed: u64) -> Result<Filled> {
    note(&format!("adding {chunks} chunks to {collection}"));
    let begun = Instant::now();
    let mut generator = TextGenerator::new(seed);
    let mut filled = 0;
    let mut number = 0;
    let mut in_flight = Vec::new();
    while filled < chunks {
        while in_flight.len() < IN_FLIGHT {
            let upload =
                Upload::text(format!("synthetic-{seed}-{number}.md"), generator.document(DOCUMENT_BYTES));
            in_flight.push(client.upload(collection, &upload).await?.document_id);
            number += 1;
        }
        let oldest = in_flight.remove(0);
        filled +=
            client.wait_until(&oldest, READY_TIMEOUT, |status| status.is_ready()).await?.chunks().max(1);
    }
    for rest in in_flight {
        filled += client.wait_until(&rest, READY_TIMEOUT, |status| status.is_ready()).await?.chunks();
    }
    Ok(Filled { chunks: filled, elapsed: begun.elapsed() })
}
