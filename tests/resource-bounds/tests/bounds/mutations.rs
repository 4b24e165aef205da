//! A fixed number of mutated inputs for each target. `MILLRACE_SEED` makes other ones; what fails is kept under
//! `target/resource-bounds` and its seed and number are printed.

use std::path::Path;

use resource_bounds::Campaign;
use resource_bounds::targets::Target;
use tokio::runtime::Runtime;

use crate::Test;

/// Each is a process.
const DOCUMENTS: u64 = 240;
/// Each is a call.
const REQUESTS_AND_MESSAGES: u64 = 2_000;
/// Targets that are decoders in this process.
const IN_PROCESS: [&str; 8] =
    ["http", "jobs", "job", "bus-event", "stream-records", "stored-event", "upload-notice", "chunk-file"];

pub(crate) fn tests(targets: &[Box<dyn Target>]) -> Vec<Test<'_>> {
    let seed = std::env::var("MILLRACE_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(0x5EED);
    let mut tests: Vec<Test<'_>> = Vec::new();
    for target in targets {
        let name = format!("mutated: {}", target.name());
        tests.push((name, Box::new(move |runtime: &Runtime| run(runtime, &**target, seed))));
    }
    tests
}

fn run(runtime: &Runtime, target: &dyn Target, seed: u64) -> String {
    let inputs = if IN_PROCESS.contains(&target.name()) { REQUESTS_AND_MESSAGES } else { DOCUMENTS };
    let kept_in = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/resource-bounds");
    let campaign = Campaign { seed, first: 0, inputs, until: None, kept_in };
    let findings = runtime.block_on(campaign.run(target)).unwrap();
    assert!(findings.broken.is_empty(), "MILLRACE_SEED={seed}: {findings}");
    findings.to_string()
}
