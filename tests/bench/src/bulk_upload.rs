//! Puts many chunks into a server's index: ordinary documents over ordinary HTTP, a few on their way at a time.
//! Meant for servers whose embedder costs nothing; with the real model this takes as long as embedding does.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::client::{Client, Upload};
use crate::generated_text::TextGenerator;
use crate::report::note;

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
pub(crate) async fn upload_chunks(
    client: &Client,
    collection: &str,
    chunks: u64,
    seed: u64,
) -> Result<Filled> {
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
