//! Runs the stand-in as a process: `millrace-s3-vectors-stand-in [address] [bucket ...]`. Prints its endpoint, then serves
//! until its standard input closes, so that it ends with whoever started it.

use anyhow::Context;
use millrace_s3_vectors_stand_in::StandIn;
use tokio::io::AsyncReadExt;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:0".to_owned());
    let buckets: Vec<String> = arguments.collect();
    let buckets: Vec<&str> = buckets.iter().map(String::as_str).collect();
    let stand_in = StandIn::listen(&address, &buckets).await?;
    announce(stand_in.endpoint());
    let mut input = Vec::new();
    tokio::io::stdin().read_to_end(&mut input).await.context("wait for standard input to close")?;
    Ok(())
}

#[expect(clippy::print_stdout, reason = "who starts it reads the endpoint there")]
fn announce(endpoint: &str) {
    println!("{endpoint}");
}
