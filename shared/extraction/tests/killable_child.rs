//! The extractor with real child processes: documents come through, and children that hang, crash, starve
//! or babble are killed and reported for what they did. This program is its own child, with and without
//! faults, which is why it has no test harness. What the parsers read is tested in `formats.rs`.

#![expect(clippy::unwrap_used, reason = "without a harness nothing here is marked as a test")]

use std::ffi::OsString;
use std::future::Future;
use std::io::{Read, Write};
use std::pin::Pin;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::StreamExt;
use millrace_extraction::{
    ChildCommand, EXTRACTION_CHILD_ARG, ProcessTextExtractor, check_extracted_text, run_extraction_child,
    samples,
};
use millrace_ports::{
    ByteStream, ExtractedText, ExtractionError, ExtractionHints, ExtractionLimits, TextExtractor,
};

const FAULT_ARG: &str = "--fault";
const PIECE_BYTES: usize = 64 << 10;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [EXTRACTION_CHILD_ARG] => run_extraction_child(),
        [FAULT_ARG, fault] => misbehave(fault),
        _ => run_tests(),
    }
}

/// A child with a fault, in the place of the real one.
fn misbehave(fault: &str) -> ExitCode {
    if fault != "leave without reading" {
        std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
    }
    match fault {
        "hang" => loop {
            std::thread::park();
        },
        "spin" => loop {
            std::hint::spin_loop();
        },
        "abort" => std::process::abort(),
        "panic" => panic!("a parser lost its way"),
        "babble" => {
            for _ in 0..1000 {
                std::io::stdout().write_all(&[b'x'; 4096]).unwrap_or_default();
                std::io::stderr().write_all(&[b'y'; 4096]).unwrap_or_default();
            }
            ExitCode::SUCCESS
        }
        "half an answer" => {
            std::io::stdout().write_all(b"MRXTRCT1\x10\0\0\0\0\0\0\0").unwrap_or_default();
            ExitCode::SUCCESS
        }
        _ => ExitCode::SUCCESS,
    }
}

type Test = (&'static str, fn() -> Pin<Box<dyn Future<Output = ()>>>);

const TESTS: &[Test] = &[
    ("samples come through the pipe", || Box::pin(samples_come_through_the_pipe())),
    ("refusals come through the pipe", || Box::pin(refusals_come_through_the_pipe())),
    ("a large document comes through", || Box::pin(a_large_document_comes_through())),
    ("children that do not end are killed in time", || {
        Box::pin(children_that_do_not_end_are_killed_in_time())
    }),
    ("children that end badly are reported", || Box::pin(children_that_end_badly_are_reported())),
    ("a parser that starves is too large", || Box::pin(a_parser_that_starves_is_too_large())),
    ("input over the limit is too large", || Box::pin(input_over_the_limit_is_too_large())),
    ("trouble on our side is unavailable", || Box::pin(trouble_on_our_side_is_unavailable())),
    ("dropping the call kills the child", || Box::pin(dropping_the_call_kills_the_child())),
    ("the system kills the child before anybody else", || {
        Box::pin(the_system_kills_the_child_before_anybody_else())
    }),
];

#[expect(clippy::print_stdout, reason = "this program is its own test harness")]
fn run_tests() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for (name, test) in TESTS {
        println!("test {name} ...");
        runtime.block_on(test());
    }
    println!("test result: ok. {} passed", TESTS.len());
    ExitCode::SUCCESS
}

fn limits() -> ExtractionLimits {
    ExtractionLimits { time_ms_max: 30_000, ..ExtractionLimits::default() }
}

fn extractor(arguments: &[&str], limits: ExtractionLimits) -> ProcessTextExtractor {
    let program = std::env::current_exe().unwrap();
    let arguments = arguments.iter().map(OsString::from).collect();
    ProcessTextExtractor::with_command(ChildCommand { program, arguments }, limits)
}

fn stream(bytes: Vec<u8>) -> ByteStream {
    let bytes = Bytes::from(bytes);
    let pieces = (0..bytes.len())
        .step_by(PIECE_BYTES)
        .map(move |at| Ok(bytes.slice(at..bytes.len().min(at + PIECE_BYTES))));
    futures::stream::iter(pieces.collect::<Vec<_>>()).boxed()
}

fn named(filename: &str) -> ExtractionHints {
    ExtractionHints { filename: Some(filename.to_owned()), declared_media_type: None }
}

async fn with_fault(fault: &str, limits: ExtractionLimits) -> Result<ExtractedText, ExtractionError> {
    extractor(&[FAULT_ARG, fault], limits).extract(stream(vec![b'a'; 4 << 20]), &named("a.txt")).await
}

async fn samples_come_through_the_pipe() {
    let extractor = ProcessTextExtractor::new(limits());
    for sample in samples::readable() {
        let extracted = extractor.extract(stream(sample.bytes), &named(sample.filename)).await.unwrap();
        assert_eq!(check_extracted_text(&extracted), Ok(()));
        assert!(sample.phrases.iter().all(|phrase| extracted.text.contains(phrase)), "{}", sample.filename);
    }
}

async fn refusals_come_through_the_pipe() {
    let extractor = ProcessTextExtractor::new(limits());
    for sample in samples::refused() {
        let error = extractor.extract(stream(sample.bytes), &named(sample.filename)).await.unwrap_err();
        assert_eq!(
            serde_json::to_value(&error).unwrap()["kind"],
            sample.error_kind,
            "{}: {error}",
            sample.filename
        );
    }
}

async fn a_large_document_comes_through() {
    let line = "The keeper trimmed the wick and wrote the hour into his book. 🌊\n";
    let text = line.repeat((20 << 20) / line.len());
    let extracted = ProcessTextExtractor::new(limits())
        .extract(stream(text.clone().into_bytes()), &named("a.txt"))
        .await
        .unwrap();
    assert_eq!(extracted.text, text.trim_end());
}

async fn children_that_do_not_end_are_killed_in_time() {
    for fault in ["hang", "spin"] {
        let limits = ExtractionLimits { time_ms_max: 300, ..ExtractionLimits::default() };
        let started = Instant::now();
        let result = with_fault(fault, limits).await;
        assert!(matches!(result, Err(ExtractionError::TimedOut(_))), "{fault}: {result:?}");
        // The port grants a second; the rest is for a machine that is busy.
        assert!(started.elapsed() < Duration::from_secs(10), "{fault}");
        assert_eq!(children(), 0, "{fault} left a process behind");
    }
}

async fn children_that_end_badly_are_reported() {
    for fault in ["abort", "panic"] {
        let result = with_fault(fault, limits()).await;
        assert!(matches!(result, Err(ExtractionError::Corrupt(_))), "{fault}: {result:?}");
    }
    for fault in ["babble", "half an answer", "leave without reading"] {
        let result = with_fault(fault, limits()).await;
        assert!(matches!(result, Err(ExtractionError::Unavailable(_))), "{fault}: {result:?}");
    }
    assert_eq!(children(), 0);
}

async fn a_parser_that_starves_is_too_large() {
    let limits = ExtractionLimits { memory_bytes_max: 300 << 20, ..limits() };
    let text = vec![b'a'; 95 << 20];
    let result = ProcessTextExtractor::new(ExtractionLimits { memory_bytes_max: 2 << 30, ..limits.clone() })
        .extract(stream(b"small".to_vec()), &named("a.txt"))
        .await;
    assert!(result.is_ok(), "{result:?}");
    let result = ProcessTextExtractor::new(limits).extract(stream(text), &named("a.txt")).await;
    assert!(
        matches!(&result, Err(ExtractionError::TooLarge(reason)) if reason.contains("memory")),
        "{result:?}"
    );
}

async fn input_over_the_limit_is_too_large() {
    let limits = ExtractionLimits { input_bytes_max: 100_000, ..limits() };
    let endless = futures::stream::repeat_with(|| Ok(Bytes::from_static(&[b'a'; 4096]))).boxed();
    let result = ProcessTextExtractor::new(limits).extract(endless, &named("a.txt")).await;
    assert!(matches!(result, Err(ExtractionError::TooLarge(_))), "{result:?}");
    assert_eq!(children(), 0);
}

async fn trouble_on_our_side_is_unavailable() {
    let broken = futures::stream::iter([
        Ok(Bytes::from_static(b"a")),
        Err(std::io::Error::other("the store went away")),
    ])
    .boxed();
    let result = ProcessTextExtractor::new(limits()).extract(broken, &named("a.txt")).await;
    assert!(
        matches!(&result, Err(ExtractionError::Unavailable(reason)) if reason.contains("went away")),
        "{result:?}"
    );

    let stalled = ExtractionLimits { time_ms_max: 200, ..limits() };
    let result =
        ProcessTextExtractor::new(stalled).extract(futures::stream::pending().boxed(), &named("a.txt")).await;
    assert!(matches!(result, Err(ExtractionError::Unavailable(_))), "{result:?}");

    let nowhere = ChildCommand { program: "/nonexistent/parser".into(), arguments: Vec::new() };
    let result = ProcessTextExtractor::with_command(nowhere, limits())
        .extract(stream(b"a".to_vec()), &named("a.txt"))
        .await;
    assert!(matches!(result, Err(ExtractionError::Unavailable(_))), "{result:?}");
    assert_eq!(children(), 0);
}

async fn dropping_the_call_kills_the_child() {
    let call = with_fault("hang", limits());
    assert!(tokio::time::timeout(Duration::from_millis(300), call).await.is_err());
    // Dropped processes are reaped by the runtime when it next turns.
    for _ in 0..1000 {
        if children() == 0 {
            return;
        }
        tokio::time::timeout(Duration::from_millis(10), std::future::pending::<()>()).await.unwrap_err();
    }
    panic!("the child outlived the call");
}

async fn the_system_kills_the_child_before_anybody_else() {
    let never_complete = futures::stream::pending().boxed();
    let extractor = ProcessTextExtractor::new(limits());
    let hints = named("a.txt");
    let call = extractor.extract(never_complete, &hints);
    let offered = async {
        let preference = |child: &String| std::fs::read_to_string(format!("/proc/{child}/oom_score_adj"));
        while !child_ids().iter().any(|child| preference(child).is_ok_and(|score| score.trim() == "1000")) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::select! {
        result = call => panic!("ended without its document: {result:?}"),
        offered = tokio::time::timeout(Duration::from_secs(20), offered) => offered.unwrap(),
    }
}

/// How many child processes this one has, by the system's own count.
fn children() -> usize {
    child_ids().len()
}

fn child_ids() -> Vec<String> {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let lists = tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("children")).ok());
    lists.flat_map(|list| list.split_whitespace().map(str::to_owned).collect::<Vec<_>>()).collect()
}
