//! The variables of the functions: the template against the table in infra/README.md, and against what their config.rs reads.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use millrace_function_runtime::{ConfigError, Variables};

use crate::configs;
use crate::expanded::{pascal, resources, root};

/// Which functions get which variable, by the table: `| MILLRACE_X | api, chunk-worker | meaning |`.
fn documented() -> BTreeMap<String, BTreeSet<String>> {
    let text = std::fs::read_to_string(root().join("infra/README.md")).unwrap();
    let every: BTreeSet<String> = resources("AWS::Lambda::Function").into_keys().map(str::to_owned).collect();
    let row = |line: &str| {
        let mut cells = line.strip_prefix("| `MILLRACE_")?.split('|').map(str::trim);
        let name = format!("MILLRACE_{}", cells.next()?.trim_end_matches('`'));
        let functions = match cells.next()? {
            "all" => every.clone(),
            names => names.split(", ").map(pascal).collect(),
        };
        Some((name, functions))
    };
    text.lines().filter_map(row).collect()
}

#[test]
fn the_table_lists_who_gets_which_variable() {
    let mut deployed: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (function, properties) in resources("AWS::Lambda::Function") {
        for variable in properties["Environment"]["Variables"].as_object().unwrap().keys() {
            deployed.entry(variable.clone()).or_default().insert(function.to_owned());
        }
    }
    let documented = documented();
    for (variable, functions) in &deployed {
        assert_eq!(
            documented.get(variable),
            Some(functions),
            "{variable}: infra/README.md (left), template (right)"
        );
    }
    let unknown: Vec<_> = documented.keys().filter(|variable| !deployed.contains_key(*variable)).collect();
    assert!(unknown.is_empty(), "infra/README.md lists what no function gets: {unknown:?}");
}

#[test]
fn the_file_for_local_runs_sets_every_variable() {
    let text = std::fs::read_to_string(root().join("infra/local.env")).unwrap();
    let set: BTreeSet<String> = text
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, _)| name.to_owned())
        .filter(|name| name.starts_with("MILLRACE_"))
        .collect();
    assert_eq!(set, documented().into_keys().collect());
}

/// The variables of the file for local runs, with other embedders: both of this kind.
fn local_variables(embedder: &str, model: &str) -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(root().join("infra/local.env")).unwrap();
    let mut values: BTreeMap<String, String> = text
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let remote =
        [("", embedder), ("_MODEL", model), ("_DIMENSIONS", "1024"), ("_URL", "http://127.0.0.1:1/v1")];
    for which in ["MILLRACE_EMBEDDER", "MILLRACE_FURTHER_EMBEDDER"] {
        values.extend(remote.map(|(of, value)| (format!("{which}{of}"), value.to_owned())));
    }
    values
}

/// Our variables that a function's configuration asks for, whatever the embedders.
fn read_by<T>(config: impl Fn(&Variables) -> Result<T, ConfigError>) -> BTreeSet<String> {
    let read = Arc::new(Mutex::new(BTreeSet::new()));
    let embedders =
        [("built-in", ""), ("openai", "text-embedding-3-small"), ("bedrock", "amazon.titan-embed-text-v2:0")];
    for (embedder, model) in embedders {
        let (values, seen) = (local_variables(embedder, model), read.clone());
        let variables = Variables::from_lookup(move |name| {
            seen.lock().unwrap().insert(name.to_owned());
            values.get(name).cloned()
        });
        config(&variables).unwrap_or_else(|error| panic!("with infra/local.env and {embedder}: {error}"));
    }
    let read = read.lock().unwrap();
    read.iter().filter(|name| name.starts_with("MILLRACE_")).cloned().collect()
}

#[test]
fn a_function_reads_the_variables_that_it_gets_and_no_others() {
    let mut readers = BTreeMap::from([
        ("Api", read_by(configs::api::Config::from_variables)),
        ("Authorizer", read_by(configs::authorizer::Config::from_variables)),
        ("ChunkWorker", read_by(configs::chunk_worker::Config::from_variables)),
        ("EmbedWorker", read_by(configs::embed_worker::Config::from_variables)),
        ("EventRelay", read_by(configs::event_relay::Config::from_variables)),
        ("Projector", read_by(configs::projector::Config::from_variables)),
        ("Sweeper", read_by(configs::sweeper::Config::from_variables)),
        ("UploadCompleter", read_by(configs::upload_completer::Config::from_variables)),
    ]);
    for (function, properties) in resources("AWS::Lambda::Function") {
        let mut read = readers.remove(function).unwrap_or_else(|| panic!("no configuration of {function}"));
        // Logging starts before the configuration is read, and reads this one by itself.
        read.insert("MILLRACE_LOG".to_owned());
        let given: BTreeSet<String> =
            properties["Environment"]["Variables"].as_object().unwrap().keys().cloned().collect();
        assert_eq!(read, given, "{function}: its config.rs (left), template (right)");
    }
    assert!(readers.is_empty(), "configurations without a function: {:?}", readers.keys());
}
