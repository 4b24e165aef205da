//! Runs any number of seeds and says how many schedules a second that is: `cargo run --release -p simulation -- --seeds
//! 1000000`. Ends at the first failure, shrunk, unless told to go on.
#![expect(clippy::print_stdout, reason = "its report is its purpose")]

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use clap::Parser;
use simulation::{Options, Report, run, shrink};

/// How often it says how far it is.
const PROGRESS_EVERY: Duration = Duration::from_secs(10);

/// Simulates Millrace under many seeds.
#[derive(Debug, Clone, Parser)]
struct Arguments {
    /// How many seeds.
    #[arg(long, default_value_t = 1_000)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// How many at a time; a run itself has one thread.
    #[arg(long, default_value_t = 1)]
    threads: u64,
    /// Go on after a failure and only name the seed.
    #[arg(long)]
    keep_going: bool,
    /// End at the first failure without shrinking it.
    #[arg(long)]
    no_shrink: bool,
    /// Print what happens in each run.
    #[arg(long)]
    trace: bool,
}

/// What all threads have done together.
#[derive(Debug, Default)]
struct Tally {
    next: AtomicU64,
    runs: AtomicU64,
    turns: AtomicU64,
    faults: AtomicU64,
    failures: AtomicU64,
    settled_after_ms_max: AtomicU64,
    stopped: AtomicBool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let (tally, started) = (Tally::default(), Instant::now());
    thread::scope(|scope| {
        let (working, over) = mpsc::channel::<()>();
        for _ in 0..arguments.threads.max(1) {
            let working = working.clone();
            let (arguments, tally) = (&arguments, &tally);
            scope.spawn(move || {
                work(arguments, tally);
                drop(working);
            });
        }
        drop(working);
        while over.recv_timeout(PROGRESS_EVERY) == Err(RecvTimeoutError::Timeout) {
            summarise(&tally, started);
        }
    });
    summarise(&tally, started);
    if tally.failures.into_inner() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn work(arguments: &Arguments, tally: &Tally) {
    while !tally.stopped.load(Ordering::SeqCst) {
        let number = tally.next.fetch_add(1, Ordering::SeqCst);
        if number >= arguments.seeds {
            return;
        }
        let outcome = run(arguments.from + number, &Options { traced: arguments.trace, only: None });
        tally.turns.fetch_add(outcome.turns, Ordering::SeqCst);
        tally.faults.fetch_add(outcome.struck.len() as u64, Ordering::SeqCst);
        tally.settled_after_ms_max.fetch_max(outcome.settled_after_ms, Ordering::SeqCst);
        print!("{}", outcome.trace);
        if outcome.violations.is_empty() {
            tally.runs.fetch_add(1, Ordering::SeqCst);
            continue;
        }
        tally.failures.fetch_add(1, Ordering::SeqCst);
        if arguments.keep_going {
            println!("seed {}: {}", outcome.seed, outcome.violations[0]);
        } else if !tally.stopped.swap(true, Ordering::SeqCst) {
            match arguments.no_shrink {
                true => println!("seed {}: {}", outcome.seed, outcome.violations[0]),
                false => println!("{}", Report { failed: &outcome, shrunk: &shrink(&outcome) }),
            }
        }
        tally.runs.fetch_add(1, Ordering::SeqCst);
    }
}

fn summarise(tally: &Tally, started: Instant) {
    let load = |number: &AtomicU64| number.load(Ordering::SeqCst);
    let (runs, seconds) = (load(&tally.runs), started.elapsed().as_secs_f64());
    println!(
        "{runs} schedules, {:.1} a second; {} turns, {} faults, {} failures; settled within {:.0} s of calm",
        runs as f64 / seconds,
        load(&tally.turns),
        load(&tally.faults),
        load(&tally.failures),
        load(&tally.settled_after_ms_max) as f64 / 1_000.0,
    );
}
