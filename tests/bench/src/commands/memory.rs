//! How much memory the server and its children take for a small and a large document until it is searchable by
//! words. Embedding goes on afterwards and is not waited for.

use std::time::Duration;

use anyhow::Result;
use clap::Args;

use crate::client::Upload;
use crate::command_line::Setup;
use crate::generated_text::TextGenerator;
use crate::process_memory::{MemoryWatch, PeakMemory};
use crate::report::{Table, mebibytes, note, times};

const COLLECTION: &str = "memory";
const TIMEOUT: Duration = Duration::from_secs(600);
const MEBIBYTE: usize = 1 << 20;

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Sizes of the documents in MiB.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 50])]
    mebibytes: Vec<usize>,
}

pub(crate) async fn run(setup: &Setup, options: &Options) -> Result<()> {
    let binary = setup.binary()?;
    let columns = [
        "document",
        "server at rest",
        "server peak",
        "largest child",
        "server peak against the smallest document",
    ];
    let mut table = Table::new("Memory: peak resident size until searchable by words", &columns);
    let mut smallest = None;
    for size in &options.mebibytes {
        let upload = Upload::text("document.txt", TextGenerator::new(5).document(size * MEBIBYTE));
        // A server of its own each time: a peak never goes down.
        let server = binary.start().await?;
        let at_rest = MemoryWatch::start(server.process_id());
        tokio::time::sleep(Duration::from_millis(500)).await;
        let at_rest = at_rest.finish();
        let watch = MemoryWatch::start(server.process_id());
        note(&format!("ingesting {size} MiB"));
        let accepted = server.client.upload(COLLECTION, &upload).await?;
        let id = accepted.document_id;
        server.client.wait_until(&id, TIMEOUT, |status| status.is_searchable_by_words()).await?;
        let peak: PeakMemory = watch.finish();
        let base = *smallest.get_or_insert(peak.process);
        table.row([
            format!("{size} MiB"),
            mebibytes(at_rest.process),
            mebibytes(peak.process),
            mebibytes(peak.largest_child),
            times(peak.process as f64, base as f64),
        ]);
    }
    table.print();
    Ok(())
}
