//! Guarantee G8, held by a fixed number of inputs: `cargo test -p resource-bounds`. The corpus ends as recorded, bombs end
//! within their bounds, documents cut at every boundary and mutated inputs of every kind break no promise. A name as
//! argument runs the tests that contain it. This program is its own extraction child, which is why it has no harness.

#![expect(clippy::unwrap_used, reason = "without a harness nothing here is marked as a test")]
#![expect(clippy::print_stdout, reason = "this program is its own test harness")]

mod bomb_squad;
mod corpus_outcomes;
mod cuts;
mod mutations;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::Instant;

use resource_bounds::run_if_child;
use resource_bounds::targets;
use tokio::runtime::Runtime;

/// A test, and what it has to tell when it passes.
type Test<'a> = (String, Box<dyn FnOnce(&Runtime) -> String + 'a>);

fn main() -> ExitCode {
    if let Some(ended) = run_if_child() {
        return ended;
    }
    let filter = std::env::args().skip(1).find(|argument| !argument.starts_with('-')).unwrap_or_default();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let targets = runtime.block_on(targets::all()).unwrap();
    let mut tests: Vec<Test<'_>> = vec![
        ("the_corpus_ends_as_recorded".to_owned(), Box::new(corpus_outcomes::run)),
        ("documents_cut_at_every_boundary_break_no_promise".to_owned(), Box::new(cuts::run)),
    ];
    tests.extend(bomb_squad::tests());
    tests.extend(mutations::tests(&targets));
    tests.retain(|(name, _)| name.contains(&filter));
    let (mut passed, mut failed) = (0, 0);
    for (name, test) in tests {
        let started = Instant::now();
        let outcome = catch_unwind(AssertUnwindSafe(|| test(&runtime)));
        let took = started.elapsed().as_secs_f32();
        match outcome {
            Ok(told) => {
                println!("test {name} ... ok ({took:.1} s) {told}");
                passed += 1;
            }
            Err(_) => {
                println!("test {name} ... FAILED ({took:.1} s)");
                failed += 1;
            }
        }
    }
    let result = if failed == 0 { "ok" } else { "FAILED" };
    println!("\ntest result: {result}. {passed} passed; {failed} failed");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
