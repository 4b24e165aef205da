//! Throws mutated inputs at the parsers and decoders for as long as wanted:
//! `cargo run --release -p resource-bounds -- --target pdf --inputs 1000000`, or all of them in turn for so long:
//! `... -- --seconds 3600 --seed 7`.
//! Inputs that broke a promise, or were contained but are worth a look, are kept under `target/resource-bounds`.

#![expect(clippy::print_stdout, reason = "the findings are what this program is for")]

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use resource_bounds::small_files::small_files;
use resource_bounds::targets::{self, DocumentTarget, Input, Target, outcome_of};
use resource_bounds::{Campaign, CorpusFile, corpus_files, run_if_child};

const USAGE: &str = "usage: resource-bounds [--target NAME] [--inputs N] [--seconds N] [--seed N] [--first N] [--seeds FOLDER] [--file PATH] [--write-corpus FOLDER]";

struct Options {
    target: Option<String>,
    campaign: Campaign,
    /// How long all targets together get, instead of a number of inputs; each an equal part.
    seconds: Option<u64>,
    /// More documents to start from.
    seeds: Option<PathBuf>,
    /// Inputs to run as they are, instead of mutating.
    files: Vec<PathBuf>,
    /// Where to write the small malformed files, instead of running anything.
    corpus: Option<PathBuf>,
}

fn main() -> anyhow::Result<ExitCode> {
    if let Some(ended) = run_if_child() {
        return Ok(ended);
    }
    let options = Options::parse(std::env::args().skip(1))?;
    // A panic that a target contains is a finding, with its own line.
    std::panic::set_hook(Box::new(|_| {}));
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(run(options))
}

impl Options {
    fn parse(mut arguments: impl Iterator<Item = String>) -> anyhow::Result<Self> {
        let kept_in = PathBuf::from("target/resource-bounds");
        let campaign = Campaign { seed: 0x5EED, first: 0, inputs: 1_000, until: None, kept_in };
        let mut options =
            Self { target: None, campaign, seconds: None, seeds: None, files: Vec::new(), corpus: None };
        while let Some(name) = arguments.next() {
            let value = arguments.next().with_context(|| format!("{name} needs a value; {USAGE}"))?;
            let number = || value.parse::<u64>().with_context(|| format!("{name} {value}"));
            match name.as_str() {
                "--target" => options.target = Some(value),
                "--inputs" => options.campaign.inputs = number()?,
                "--seconds" => options.seconds = Some(number()?),
                "--seed" => options.campaign.seed = number()?,
                "--first" => options.campaign.first = number()?,
                "--seeds" => options.seeds = Some(value.into()),
                "--file" => options.files.push(value.into()),
                "--write-corpus" => options.corpus = Some(value.into()),
                _ => bail!(USAGE),
            }
        }
        Ok(options)
    }
}

async fn run(options: Options) -> anyhow::Result<ExitCode> {
    if let Some(folder) = &options.corpus {
        write_corpus(folder).await?;
        return Ok(ExitCode::SUCCESS);
    }
    let all = targets::all().await?;
    let mut chosen: Vec<_> = match &options.target {
        None => all,
        Some(name) => {
            let names: Vec<_> = all.iter().map(|target| target.name().to_owned()).collect();
            let found: Vec<_> = all.into_iter().filter(|target| target.name() == name).collect();
            if found.is_empty() {
                bail!("no target {name}; there are {}", names.join(", "));
            }
            found
        }
    };
    if let (Some(folder), Some(name)) = (&options.seeds, &options.target) {
        let mut target = DocumentTarget::for_folder(name)?;
        let more = seeds_in(folder)?.into_iter().filter(|seed| target.takes(&seed.name)).collect();
        target.add_seeds(more);
        chosen = vec![Box::new(target)];
    }
    let mut broken = 0;
    let share = options.seconds.map(|seconds| Duration::from_secs(seconds) / chosen.len() as u32);
    for target in chosen {
        if options.files.is_empty() {
            let mut campaign = options.campaign.clone();
            if let Some(share) = share {
                (campaign.inputs, campaign.until) = (u64::MAX, Some(Instant::now() + share));
            }
            let findings = campaign.run(&*target).await?;
            println!("{}: {findings}", target.name());
            broken += findings.broken.len();
        }
        for path in &options.files {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let judged = target.judge(&Input { name, bytes: std::fs::read(path)? }).await;
            println!("{}: {judged:?}", path.display());
        }
    }
    Ok(if broken == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Writes the small files, and how each file of the corpus ends. Read the difference before committing it.
async fn write_corpus(folder: &Path) -> anyhow::Result<()> {
    for file in small_files() {
        std::fs::create_dir_all(folder.join(file.folder))?;
        std::fs::write(folder.join(file.folder).join(&file.name), &file.bytes)?;
    }
    let mut outcomes = String::new();
    for target in DocumentTarget::all()? {
        for file in corpus_files(target.name())? {
            let path = format!("{}/{}", target.name(), file.name);
            let ended = target.extract(&Input { name: file.name, bytes: file.bytes }).await;
            outcomes.push_str(&format!("{path}\t{}\n", outcome_of(&ended.result)));
        }
    }
    std::fs::write(folder.join("outcomes.tsv"), outcomes)?;
    Ok(())
}

fn seeds_in(folder: &PathBuf) -> anyhow::Result<Vec<CorpusFile>> {
    let mut seeds = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_file() {
            seeds.push(CorpusFile { name, bytes: std::fs::read(path)? });
        }
    }
    seeds.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(seeds)
}
