//! Documents cut short: at each place where a structure begins or ends, at most so many per document.

use millrace_extraction::samples;
use resource_bounds::targets::{DocumentTarget, Input, Target, Verdict};
use tokio::runtime::Runtime;

/// Cuts of one document; a longer list is thinned out evenly.
const CUTS_MAX: usize = 24;
/// What structures begin and end with, over all formats.
const MARKS: [&[u8]; 16] = [
    b"PK\x01\x02",
    b"PK\x03\x04",
    b"PK\x05\x06",
    b" obj",
    b"endobj",
    b"stream",
    b"xref",
    b"trailer",
    b"%%EOF",
    b"<",
    b">",
    b"{",
    b"}",
    b"\n",
    b"\"",
    b"--",
];

pub(crate) fn run(runtime: &Runtime) -> String {
    let targets = DocumentTarget::all().unwrap();
    let (mut cuts, mut wrong) = (0, Vec::new());
    for sample in samples::readable() {
        let Some(target) = targets.iter().find(|target| target.takes(sample.filename)) else {
            panic!("no target takes {}", sample.filename);
        };
        for at in boundaries(&sample.bytes) {
            let input = Input { name: sample.filename.to_owned(), bytes: sample.bytes[..at].to_vec() };
            let judged = runtime.block_on(target.judge(&input));
            if let Verdict::Broken(reason) | Verdict::Suspicious(reason) = judged.verdict {
                wrong.push(format!("{} cut at {at}: {reason}", sample.filename));
            }
            cuts += 1;
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    format!("{cuts} cuts")
}

fn boundaries(bytes: &[u8]) -> Vec<usize> {
    let begins = |at: &usize| MARKS.iter().any(|mark| bytes[*at..].starts_with(mark));
    let ends = |at: &usize| MARKS.iter().any(|mark| bytes[..*at].ends_with(mark));
    let all: Vec<usize> = (1..bytes.len()).filter(|at| begins(at) || ends(at)).collect();
    all.iter().step_by(all.len().div_ceil(CUTS_MAX).max(1)).copied().collect()
}
