//! Breaks the production code in known ways, one at a time, and lets the simulation find each: `cargo run -p simulation --bin
//! mutations -- --table docs/guarantees-mutations.md`. Works on a copy of the workspace with a target folder of its own,
//! and takes about a minute for each mutation; no part of the tests.
#![expect(clippy::print_stdout, reason = "its report is its purpose")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use anyhow::{Context as _, bail, ensure};
use clap::Parser;

#[path = "../mutation_list.rs"]
mod mutation_list;

use mutation_list::{MUTATIONS, Mutation};

/// Folders of the workspace that a build of the simulation needs.
const PARTS: [&str; 8] =
    ["Cargo.toml", "Cargo.lock", "cli", "events", "functions", "shared", "tests", "rustfmt.toml"];

/// Breaks the code and lets the simulation find it.
#[derive(Debug, Parser)]
struct Arguments {
    /// Most seeds for each mutation.
    #[arg(long, default_value_t = 3_000)]
    seeds: u64,
    /// Where the copy is, or is to be made.
    #[arg(long)]
    copy: Option<PathBuf>,
    /// Only mutations whose name contains this.
    #[arg(long, default_value = "")]
    only: String,
    /// Where to write the table.
    #[arg(long)]
    table: Option<PathBuf>,
}

/// What came of a mutation.
#[derive(Debug)]
struct Found {
    mutation: &'static Mutation,
    caught: Option<Caught>,
}

#[derive(Debug)]
struct Caught {
    seed: u64,
    violation: String,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?;
    let copy = arguments.copy.clone().unwrap_or_else(|| env::temp_dir().join("millrace-mutations"));
    for part in PARTS {
        copy_all(&workspace.join(part), &copy.join(part)).with_context(|| format!("copy {part}"))?;
    }
    ensure!(build(&copy)?, "the simulation does not build in {}", copy.display());
    if let Some(caught) = simulate(&copy, arguments.seeds.min(300))? {
        bail!("without a mutation seed {} fails: {}", caught.seed, caught.violation);
    }
    let mut found = Vec::new();
    for mutation in MUTATIONS.iter().filter(|mutation| mutation.name.contains(&arguments.only)) {
        let caught = try_mutation(&copy, mutation, arguments.seeds)?;
        match &caught {
            Some(caught) => println!("{}: {} (seed {})", mutation.name, caught.violation, caught.seed),
            None => println!("{}: NOT CAUGHT in {} seeds", mutation.name, arguments.seeds),
        }
        found.push(Found { mutation, caught });
    }
    let caught = found.iter().filter(|found| found.caught.is_some()).count();
    println!("{caught} of {} caught", found.len());
    match arguments.table {
        Some(path) => Ok(fs::write(path, table(&found, arguments.seeds))?),
        None => Ok(()),
    }
}

/// Copies what differs, so that a second run builds little.
fn copy_all(from: &Path, to: &Path) -> anyhow::Result<()> {
    if from.is_file() {
        let content = fs::read(from)?;
        if fs::read(to).ok().as_ref() != Some(&content) {
            fs::create_dir_all(to.parent().context("a file lies in a folder")?)?;
            fs::write(to, content)?;
        }
        return Ok(());
    }
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        if entry.file_name() != "target" && entry.file_name() != ".git" {
            copy_all(&entry.path(), &to.join(entry.file_name()))?;
        }
    }
    Ok(())
}

fn try_mutation(copy: &Path, mutation: &Mutation, seeds: u64) -> anyhow::Result<Option<Caught>> {
    let mut originals = Vec::new();
    for edit in mutation.edits {
        let path = copy.join(edit.file);
        let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
        let times = text.matches(edit.find).count();
        ensure!(times == 1, "{}: the place in {} is there {times} times", mutation.name, edit.file);
        fs::write(&path, text.replace(edit.find, edit.replace))?;
        originals.push((path, text));
    }
    let built = build(copy)?;
    let caught = if built { simulate(copy, seeds)? } else { None };
    // Of a file that was changed twice, the first text is the original.
    for (path, text) in originals.into_iter().rev() {
        fs::write(path, text)?;
    }
    ensure!(built, "{} does not build", mutation.name);
    Ok(caught)
}

fn build(copy: &Path) -> anyhow::Result<bool> {
    let output = Command::new(env::var("CARGO").unwrap_or_else(|_| "cargo".into()))
        .args(["build", "--offline", "--quiet", "-p", "simulation", "--bin", "simulation"])
        .env("CARGO_TARGET_DIR", copy.join("target"))
        .env("CARGO_PROFILE_DEV_OPT_LEVEL", "1")
        .env_remove("RUSTFLAGS")
        .current_dir(copy)
        .output()?;
    if !output.status.success() {
        println!("{}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(output.status.success())
}

/// Runs seeds until one fails.
fn simulate(copy: &Path, seeds: u64) -> anyhow::Result<Option<Caught>> {
    let output = Command::new(copy.join("target/debug/simulation"))
        .args(["--no-shrink", "--seeds", &seeds.to_string()])
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let failure = text.lines().find_map(|line| line.strip_prefix("seed ")?.split_once(": "));
    match failure {
        Some((seed, violation)) => {
            let violation = violation.split(" (").next().unwrap_or(violation).to_owned();
            Ok(Some(Caught { seed: seed.parse()?, violation }))
        }
        None if output.status.success() => Ok(None),
        None => bail!("the simulation ended without a word: {}", String::from_utf8_lossy(&output.stderr)),
    }
}

fn table(found: &[Found], seeds: u64) -> String {
    let caught = found.iter().filter(|found| found.caught.is_some()).count();
    let mut text = String::from(HEADING);
    let _ = writeln!(
        text,
        "{caught} of {} mutations were caught, with at most {seeds} seeds each.\n",
        found.len()
    );
    text.push_str("| Mutation | What was changed | Caught by | Seeds |\n|---|---|---|---|\n");
    for Found { mutation, caught } in found {
        let (by, needed) = match caught {
            Some(caught) => (caught.violation.clone(), (caught.seed + 1).to_string()),
            None => ("**not caught**".into(), format!("more than {seeds}")),
        };
        let _ = writeln!(text, "| {} | {} | {by} | {needed} |", mutation.name, mutation.about);
    }
    text
}

const HEADING: &str = "# Mutations that the simulation must find

Each row is a change that breaks the production code in a way somebody might. `cargo run -p simulation --bin mutations --
--table docs/guarantees-mutations.md` applies each to a copy of the workspace, builds the simulation and runs seeds from 0 until
one fails. \"Seeds\" is how many it took; \"Caught by\" is the guarantee and the invariant that failed first.

";

#[cfg(test)]
mod tests {
    use super::*;

    /// Code moves on, and a mutation whose place is gone would be missed at the next run of the table only.
    #[test]
    fn the_place_of_every_mutation_is_there_once() {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        for mutation in MUTATIONS {
            for edit in mutation.edits {
                let text = fs::read_to_string(workspace.join(edit.file)).unwrap_or_default();
                assert_eq!(text.matches(edit.find).count(), 1, "{}: {:?}", mutation.name, edit);
            }
        }
    }
}
