//! Bombs made in code: each ends in one of its ways, within the child's bounds, and leaves no process behind.

use millrace_ports::{ExtractionHints, ExtractionLimits};
use resource_bounds::MeasuredExtractor;
use resource_bounds::bombs::{Bomb, bombs};
use resource_bounds::targets::{extraction_limits, outcome_of};
use tokio::runtime::Runtime;

use crate::Test;

/// What a bomb gets that would take for ever.
const LITTLE_TIME_MS: u64 = 2_000;
/// Enough for a parser and an ordinary document, not for the hungriest bomb.
const LITTLE_MEMORY_BYTES: u64 = 256 << 20;
/// The hungriest bomb: it takes nearly 300 MiB.
const HUNGRIEST: &str = "a mail of messages inside one another";

pub(crate) fn tests<'a>() -> Vec<Test<'a>> {
    let test = |bomb: Bomb| -> Test<'a> {
        let name = format!("bomb: {} ({})", bomb.what, bomb.filename);
        (name, Box::new(move |runtime: &Runtime| defuse(runtime, &bomb)))
    };
    let starving: Test<'a> = ("bomb: the hungriest, with little memory".to_owned(), Box::new(starve));
    bombs().into_iter().map(test).chain([starving]).collect()
}

/// The bound on memory is the kernel's to hold, and no other bomb comes near it.
fn starve(runtime: &Runtime) -> String {
    let limits = ExtractionLimits { memory_bytes_max: LITTLE_MEMORY_BYTES, ..extraction_limits() };
    let _inside = runtime.enter();
    let extractor = MeasuredExtractor::new(limits).unwrap();
    let extract = |filename: &str, bytes: Vec<u8>| {
        let hints = ExtractionHints { filename: Some(filename.to_owned()), declared_media_type: None };
        runtime.block_on(extractor.extract(bytes, &hints))
    };
    let fed = extract("a.eml", b"Subject: orchard\r\n\r\nThe pears ripen early.".to_vec());
    assert_eq!(outcome_of(&fed.result), "text", "an ordinary mail starves as well: {:?}", fed.result);
    let bomb = bombs().into_iter().find(|bomb| bomb.what == HUNGRIEST).unwrap();
    let starved = extract(bomb.filename, (bomb.make)());
    let reason = starved.result.as_ref().err().map(ToString::to_string).unwrap_or_default();
    assert_eq!(
        outcome_of(&starved.result),
        "too_large",
        "{reason}; {:?} bytes were resident",
        starved.peak_bytes
    );
    assert!(reason.contains("memory"), "{reason}");
    reason
}

fn defuse(runtime: &Runtime, bomb: &Bomb) -> String {
    let mut limits = extraction_limits();
    if bomb.takes_for_ever {
        limits.time_ms_max = LITTLE_TIME_MS;
    }
    let _inside = runtime.enter();
    let extractor = MeasuredExtractor::new(limits.clone()).unwrap();
    let hints = ExtractionHints { filename: Some(bomb.filename.to_owned()), declared_media_type: None };
    let ended = runtime.block_on(extractor.extract((bomb.make)(), &hints));
    let outcome = outcome_of(&ended.result);
    let reason = ended.result.as_ref().err().map(ToString::to_string).unwrap_or_default();
    assert!(bomb.ends.contains(&outcome), "ended as {outcome}, not {:?}: {reason}", bomb.ends);
    if let Some(peak) = ended.peak_bytes {
        assert!(peak <= limits.memory_bytes_max, "{peak} bytes of memory were resident");
    }
    if let Ok(text) = &ended.result {
        millrace_extraction::check_extracted_text(text).unwrap();
        assert!(text.text.len() as u64 <= limits.text_bytes_max);
    }
    let memory = ended.peak_bytes.map_or("unmeasured".to_owned(), |peak| format!("{} MiB", peak >> 20));
    format!("[{outcome}, {memory}] {reason}")
}
