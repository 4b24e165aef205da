//! How soon one long document is searchable, as text and as PDF, and how that compares with the Python way on the
//! same files in the same run. Times are seen from the client, by polling, so they are late by up to 5 ms.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use bytes::Bytes;
use clap::Args;

use crate::client::Upload;
use crate::command_line::Setup;
use crate::document_pdf::pdf;
use crate::generated_text::TextGenerator;
use crate::processor_time::ProcessorTime;
use crate::python_way::{PythonPipeline, PythonWay};
use crate::report::{Table, note, seconds, times};
use crate::server::Server;

const COLLECTION: &str = "pipeline";
/// How the names of the server's threads that embed passages begin.
const EMBEDDER_THREADS: &str = "embed-passages";
const READY_TIMEOUT: Duration = Duration::from_secs(1800);
/// How often, and at which distance, the server is asked to learn what an answer costs it.
const ASKED: u32 = 400;
const ASKED_EVERY: Duration = Duration::from_millis(10);

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Size of the text in bytes; the default gives about 1,000 chunks.
    #[arg(long, default_value_t = 900_000)]
    document_bytes: usize,
}

/// One document's way through Millrace.
#[derive(Debug)]
struct Passage {
    acknowledged: f64,
    by_words: f64,
    ready: f64,
    chunks: u64,
    /// Processor time of the server's embedding threads, in seconds.
    embedder_time: f64,
    /// Processor time of its other threads and children, in seconds.
    other_time: f64,
    /// What of that went into telling this program how far it was, in seconds.
    asked_time: f64,
}

impl Passage {
    fn embedding_seconds(&self) -> f64 {
        self.ready - self.by_words
    }

    fn chunks_per_second(&self) -> f64 {
        self.chunks as f64 / self.embedding_seconds()
    }
}

pub(crate) async fn run(setup: &Setup, options: &Options) -> Result<()> {
    let binary = setup.binary()?;
    let python = setup.python().await?;
    let folder = tempfile::tempdir().context("make a folder for the documents")?;
    let text = TextGenerator::new(2).document(options.document_bytes);
    let documents = [
        ("text", "document.txt", "text/plain; charset=utf-8", Bytes::from(text.clone())),
        ("PDF", "document.pdf", "application/pdf", Bytes::from(pdf(&text))),
    ];
    for (kind, filename, media_type, content) in documents {
        let path = folder.path().join(filename);
        std::fs::write(&path, &content).with_context(|| format!("write {}", path.display()))?;
        // A server of its own each time, so that no cache of embeddings helps the second document.
        let server = binary.start().await?;
        let upload = Upload { filename: filename.to_owned(), media_type, content };
        let ours = passage(&server, &upload).await?;
        drop(server);
        let theirs = python_passage(python.as_ref(), &path).await?;
        let title = format!("Pipeline: {} of {} bytes, {} chunks", kind, upload.content.len(), ours.chunks);
        table(title, &ours, theirs.as_ref(), text.len() as f64).print();
    }
    Ok(())
}

async fn passage(server: &Server, upload: &Upload) -> Result<Passage> {
    let client = &server.client;
    // The first inference loads the model; a server that has run for a while has done so.
    let warm_up =
        client.upload(COLLECTION, &Upload::text("warm-up.txt", "The first one warms the model.")).await?;
    client.wait_until(&warm_up.document_id, READY_TIMEOUT, |status| status.is_ready()).await?;
    note(&format!("ingesting {}", upload.filename));
    server.wait_until_idle().await;
    let before = ProcessorTime::of(server.process_id());
    let asked_before = client.requests_sent();
    let begun = Instant::now();
    let id = client.upload(COLLECTION, upload).await?.document_id;
    let acknowledged = begun.elapsed().as_secs_f64();
    client.wait_until(&id, READY_TIMEOUT, |status| status.is_searchable_by_words()).await?;
    let by_words = begun.elapsed().as_secs_f64();
    let status = client.wait_until(&id, READY_TIMEOUT, |status| status.is_ready()).await?;
    let ready = begun.elapsed().as_secs_f64();
    let spent = ProcessorTime::of(server.process_id()).since(&before);
    let asked = client.requests_sent() - asked_before;
    let embedder_time = spent.of_threads(EMBEDDER_THREADS).as_secs_f64();
    for (threads, time) in spent.by_size() {
        note(&format!("{threads} {:.3} s", time.as_secs_f64()));
    }
    Ok(Passage {
        acknowledged,
        by_words,
        ready,
        chunks: status.chunks(),
        embedder_time,
        other_time: spent.total().as_secs_f64() - embedder_time,
        asked_time: cost_of_asking(server, &id).await? * f64::from(asked),
    })
}

/// Processor time that the server takes to say how far a document is, in seconds; at the pace at which it is asked.
async fn cost_of_asking(server: &Server, id: &str) -> Result<f64> {
    server.wait_until_idle().await;
    let before = ProcessorTime::of(server.process_id());
    for _ in 0..ASKED {
        server.client.status(id).await?;
        tokio::time::sleep(ASKED_EVERY).await;
    }
    let spent = ProcessorTime::of(server.process_id()).since(&before);
    Ok(spent.total().as_secs_f64() / f64::from(ASKED))
}

async fn python_passage(python: Option<&PythonWay>, path: &Path) -> Result<Option<PythonPipeline>> {
    match python {
        Some(python) => python.pipeline(path).await.map(Some),
        None => Ok(None),
    }
}

/// Chunks differ in size between the two, so the rate is given in text, too.
fn table(title: String, ours: &Passage, theirs: Option<&PythonPipeline>, text_bytes: f64) -> Table {
    let mut table = Table::new(title, &["stage", "Millrace", "the Python way", "Python / Millrace"]);
    let mut less_is_better = |stage: &str, ours: f64, theirs: Option<f64>| {
        let shown = theirs.map_or_else(|| "-".to_owned(), seconds);
        table.row([
            stage.to_owned(),
            seconds(ours),
            shown,
            theirs.map_or_else(dash, |theirs| times(theirs, ours)),
        ]);
    };
    less_is_better("acknowledged (Python: all done)", ours.acknowledged, theirs.map(|it| it.seconds.total()));
    less_is_better(
        "searchable by words (Python: text extracted and split)",
        ours.by_words,
        theirs.map(|it| it.seconds.before_embedding()),
    );
    less_is_better(
        "words to meaning (Python: embed)",
        ours.embedding_seconds(),
        theirs.map(|it| it.seconds.embed),
    );
    less_is_better("upload to ready", ours.ready, theirs.map(|it| it.seconds.total()));
    less_is_better("processor time of the embedder", ours.embedder_time, None);
    less_is_better("processor time of all else", ours.other_time, None);
    less_is_better("of that, answers to this program's questions how far it is", ours.asked_time, None);
    let added = (ours.other_time - ours.asked_time) / ours.embedder_time;
    table.row([
        "what the pipeline adds to the embedder's processor time".to_owned(),
        format!("{:.1} %", 100.0 * added),
        dash(),
        dash(),
    ]);
    let mut more_is_better = |stage: &str, ours: f64, theirs: Option<f64>| {
        let shown = theirs.map_or_else(dash, |theirs| format!("{theirs:.1}"));
        let ratio = theirs.map_or_else(dash, |theirs| format!("{} (Millrace / Python)", times(ours, theirs)));
        table.row([stage.to_owned(), format!("{ours:.1}"), shown, ratio]);
    };
    more_is_better(
        "chunks embedded a second",
        ours.chunks_per_second(),
        theirs.map(|it| it.chunks_per_second),
    );
    more_is_better(
        "kB of text embedded a second",
        text_bytes / ours.embedding_seconds() / 1000.0,
        theirs.map(|it| it.text_bytes as f64 / it.seconds.embed / 1000.0),
    );
    let chunks = theirs.map_or_else(dash, |it| it.chunks.to_string());
    table.row(["chunks".to_owned(), ours.chunks.to_string(), chunks, dash()]);
    table
}

fn dash() -> String {
    "-".to_owned()
}
