//! What can be asked of the benchmark, and what each measurement does unless told otherwise.

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};

use crate::commands;
use crate::python_way::PythonWay;
use crate::report::note;
use crate::server::MillraceBinary;

/// Measures a real `millrace` server over HTTP and prints Markdown tables.
#[derive(Debug, Parser)]
pub struct Arguments {
    #[command(flatten)]
    setup: Setup,
    #[command(subcommand)]
    command: Command,
}

/// What all measurements share.
#[derive(Debug, Default, Args)]
pub(crate) struct Setup {
    /// The binary to measure; without it, the one beside this program.
    #[arg(long, global = true)]
    millrace: Option<PathBuf>,
    /// Also run the usual Python way on the same input. Makes its virtual environment first if need be.
    #[arg(long, global = true)]
    python: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// How soon an upload is answered under a constant rate of uploads.
    Acknowledge(commands::acknowledge::Options),
    /// How soon one long document is searchable, as text and as PDF.
    Pipeline(commands::pipeline::Options),
    /// How long a search takes over small and large collections.
    Search(commands::search::Options),
    /// Whether ingesting slows down as the index grows.
    IngestScale(commands::ingest_scale::Options),
    /// How much memory the server and its children take for small and large documents.
    Memory(commands::memory::Options),
    /// How good the hits are, on a collection in BEIR's layout.
    Quality(commands::quality::Options),
    /// How fast text is split into chunks, in this process.
    Chunking(commands::chunking::Options),
    /// How soon the Lambda functions are ready, and how large they are.
    ColdStart(commands::cold_start::Options),
}

impl Setup {
    pub(crate) fn binary(&self) -> Result<MillraceBinary> {
        MillraceBinary::find(self.millrace.clone())
    }

    /// The Python way, if it was asked for.
    pub(crate) async fn python(&self) -> Result<Option<PythonWay>> {
        if self.python { PythonWay::prepare().await.map(Some) } else { Ok(None) }
    }
}

/// Runs one measurement.
pub async fn run(arguments: Arguments) -> Result<()> {
    let setup = arguments.setup;
    match arguments.command {
        Command::Acknowledge(options) => commands::acknowledge::run(&setup, &options).await,
        Command::Pipeline(options) => commands::pipeline::run(&setup, &options).await,
        Command::Search(options) => commands::search::run(&setup, &options).await,
        Command::IngestScale(options) => commands::ingest_scale::run(&setup, &options).await,
        Command::Memory(options) => commands::memory::run(&setup, &options).await,
        Command::Quality(options) => commands::quality::run(&setup, &options).await,
        Command::Chunking(options) => commands::chunking::run(&setup, &options).await,
        Command::ColdStart(options) => commands::cold_start::run(&options).await,
    }
}

/// Runs every measurement that needs no data of its own. One that fails does not stop the others.
pub async fn run_all() -> Result<()> {
    let mut failed = 0;
    for name in ["chunking", "acknowledge", "pipeline", "search", "ingest-scale", "memory"] {
        if let Err(error) = run(Arguments::try_parse_from(["bench", name])?).await {
            note(&format!("{name} failed: {error:#}"));
            failed += 1;
        }
    }
    anyhow::ensure!(failed == 0, "{failed} measurements failed");
    Ok(())
}
