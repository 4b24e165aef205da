//! Dependencies point inwards: domain <- ports <- application; adapters implement ports; functions and cli compose.

#![expect(clippy::unwrap_used, reason = "what fails here fails a test")]

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// The workspace's packages, each with the names of its ordinary (not dev) dependencies.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs, since it runs this test");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let ordinary = |package: &Value| {
        let all = package["dependencies"].as_array().unwrap().iter();
        all.filter(|dependency| dependency["kind"].is_null())
            .map(|dependency| dependency["name"].as_str().unwrap().to_owned())
            .collect()
    };
    packages.iter().map(|package| (package["name"].as_str().unwrap().to_owned(), ordinary(package))).collect()
}

fn ours(names: &BTreeSet<String>) -> BTreeSet<&str> {
    names.iter().map(String::as_str).filter(|name| name.starts_with("millrace-")).collect()
}

#[test]
fn inner_crates_know_only_what_is_further_in() {
    let all = dependencies();
    let allowed = [
        ("millrace-domain", vec![]),
        ("millrace-ports", vec!["millrace-domain"]),
        ("millrace-chunking", vec!["millrace-domain", "millrace-ports"]),
        ("millrace-extraction", vec!["millrace-domain", "millrace-ports"]),
        ("millrace-embedding", vec!["millrace-domain", "millrace-ports"]),
        ("millrace-application", vec!["millrace-chunking", "millrace-domain", "millrace-ports"]),
        ("millrace-words", vec![]),
        ("millrace-adapters-aws", vec!["millrace-domain", "millrace-ports", "millrace-words"]),
        ("millrace-adapters-local", vec!["millrace-domain", "millrace-ports", "millrace-words"]),
    ];
    for (package, may) in allowed {
        let does = ours(&all[package]);
        let beyond: Vec<_> = does.difference(&may.into_iter().collect()).copied().collect();
        assert!(beyond.is_empty(), "{package} must not depend on {beyond:?}");
    }
}

#[test]
fn the_domain_has_no_runtime_and_no_storage() {
    let domain = &dependencies()["millrace-domain"];
    for banned in ["tokio", "futures", "async-trait", "rusqlite", "axum", "tracing"] {
        assert!(!domain.contains(banned), "millrace-domain must stay pure, not depend on {banned}");
    }
}

#[test]
fn application_names_no_adapter_and_no_cloud() {
    let application = &dependencies()["millrace-application"];
    let cloud =
        |name: &&String| name.starts_with("aws") || name.starts_with("lambda") || name.contains("adapters");
    let found: Vec<_> = application.iter().filter(cloud).collect();
    assert!(found.is_empty(), "millrace-application depends on {found:?}");
}

#[test]
fn only_the_cloud_side_names_an_sdk() {
    for (package, names) in dependencies() {
        let may = package == "millrace-adapters-aws" || package.starts_with("millrace-function");
        let sdk: Vec<_> =
            names.iter().filter(|name| name.starts_with("aws-sdk") || *name == "aws-config").collect();
        assert!(may || sdk.is_empty(), "{package} depends on {sdk:?}");
    }
}

#[test]
fn heavy_parsers_and_sqlite_live_in_one_place_each() {
    let homes = [
        ("rusqlite", "millrace-adapters-local"),
        ("pdf_oxide", "millrace-extraction"),
        ("rten-gemm", "millrace-embedding"),
    ];
    for (dependency, home) in homes {
        for (package, names) in dependencies() {
            // The benchmark measures alternatives by themselves, SQLite's full-text search among them.
            let may = package == home || package == "bench";
            assert!(may || !names.contains(dependency), "{package} must not depend on {dependency}");
        }
    }
}

/// Everything that a package is built from with its default features, tests aside.
fn built_from(package: &str) -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--offline",
            "--edges",
            "normal",
            "--prefix",
            "none",
            "--format",
            "{p}",
            "--package",
            package,
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs, since it runs this test");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let tree = String::from_utf8(output.stdout).unwrap();
    tree.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

#[test]
fn the_single_node_is_built_without_any_cloud_sdk() {
    let parts = built_from("millrace");
    assert!(parts.contains("millrace-chunk-worker"), "the tree was not read: {parts:?}");
    let sdk: Vec<_> =
        parts.iter().filter(|name| name.starts_with("aws-sdk") || name.ends_with("adapters-aws")).collect();
    assert!(
        sdk.is_empty(),
        "`cargo run` would build {sdk:?}: take the functions without their feature `deploy`"
    );
}

#[test]
fn no_function_carries_sqlite_and_one_carries_parsers() {
    for (package, _) in dependencies().iter().filter(|(_, names)| names.contains("millrace-function-wiring"))
    {
        let parts = built_from(package);
        assert!(parts.contains("aws-sdk-dynamodb"), "{package} is not deployable: {parts:?}");
        assert!(!parts.contains("rusqlite"), "{package} carries SQLite");
        assert_eq!(parts.contains("pdf_oxide"), package == "millrace-chunk-worker", "parsers in {package}");
    }
}

/// With the feature on, every map of the workspace would keep the order in which it was filled, and what is pinned byte for
/// byte would depend on which crates are built together.
#[test]
fn nobody_makes_json_keep_the_order_of_its_keys() {
    let output = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--offline",
            "--workspace",
            "--edges",
            "features,normal,dev",
            "--invert",
            "serde_json",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs, since it runs this test");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let tree = String::from_utf8(output.stdout).unwrap();
    assert!(tree.contains("millrace-domain"), "the tree was not read: {tree}");
    assert!(!tree.contains("preserve_order"), "a dependency turns on serde_json/preserve_order");
}
