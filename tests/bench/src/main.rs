//! The `bench` binary: reads the command line and runs one measurement.

use clap::Parser as _;
use millrace_bench::{Arguments, run};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    run(Arguments::parse()).await
}
