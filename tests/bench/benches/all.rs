//! `cargo bench -p bench`: every measurement that needs no data of its own, with its defaults.

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    millrace_bench::run_all().await
}
