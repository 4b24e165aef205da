//! Every document of the corpus ends as `corpus/outcomes.tsv` says, and every line there names a document.

use std::collections::BTreeMap;

use resource_bounds::targets::{DocumentTarget, Input, Target as _, Verdict, outcome_of};
use resource_bounds::{corpus_files, corpus_folder};
use tokio::runtime::Runtime;

pub(crate) fn run(runtime: &Runtime) -> String {
    let recorded = std::fs::read_to_string(corpus_folder().join("outcomes.tsv")).unwrap();
    let mut recorded: BTreeMap<&str, &str> =
        recorded.lines().map(|line| line.split_once('\t').expect(line)).collect();
    let mut wrong = Vec::new();
    let mut documents = 0;
    for target in DocumentTarget::all().unwrap() {
        for file in corpus_files(target.name()).unwrap() {
            let path = format!("{}/{}", target.name(), file.name);
            let input = Input { name: file.name, bytes: file.bytes };
            let judged = runtime.block_on(target.judge(&input));
            let expected = recorded.remove(path.as_str());
            if expected != Some(judged.outcome.as_str()) {
                let ended = runtime.block_on(target.extract(&input));
                let now = outcome_of(&ended.result);
                wrong.push(format!("{path}: {now}, recorded is {expected:?}: {:?}", ended.result));
            }
            if let Verdict::Broken(reason) | Verdict::Suspicious(reason) = judged.verdict {
                wrong.push(format!("{path}: {reason}"));
            }
            documents += 1;
        }
    }
    wrong.extend(recorded.keys().map(|path| format!("{path} is recorded, but there is no such file")));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    format!("{documents} documents")
}
