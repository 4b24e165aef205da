//! The variables of the functions against the table in infra/README.md, from which their config.rs is written.

use std::collections::{BTreeMap, BTreeSet};

use crate::expanded::{kebab, pascal, resources, root};

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

/// The names of our variables in the text of a source file.
fn variables_in(text: &str) -> impl Iterator<Item = String> {
    let name = |part: &str| {
        part.split(|c: char| c != '_' && !c.is_ascii_uppercase()).next().unwrap_or_default().to_owned()
    };
    text.split("\"MILLRACE_").skip(1).map(move |part| format!("MILLRACE_{}", name(part)))
}

#[test]
fn a_function_reads_no_variable_that_it_does_not_get() {
    let mut read = 0;
    for (function, properties) in resources("AWS::Lambda::Function") {
        let source = root().join("functions").join(kebab(function)).join("src/config.rs");
        let Ok(text) = std::fs::read_to_string(source) else { continue };
        let given = properties["Environment"]["Variables"].as_object().unwrap();
        for variable in variables_in(&text) {
            assert!(given.contains_key(&variable), "{function} reads {variable} and does not get it");
            read += 1;
        }
    }
    assert!(read > 5, "found only {read} variables in the functions' config.rs");
}
